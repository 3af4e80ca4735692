"""The shots of an edit and what became of their tracks, for a person and for a program."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table

from roto_client.editorial import Edit
from roto_client.shot_tracks import ShotResult


def shots_table(edit: Edit, handles: int) -> Table:
    """Return the shots of an edit, for a person."""
    table = Table("shot", "frames", title="Shots", title_justify="left")
    table.add_column("source", overflow="fold")
    for name in ("in", "out", "handles", "notes"):
        table.add_column(name)
    for shot in edit.shots:
        there = "" if shot.handles is None else f"{shot.handles[0]} / {shot.handles[1]}"
        counted = f"{shot.with_handles(handles)} ({shot.frames})" if handles else str(shot.frames)
        notes = "; ".join(shot.notes)
        table.add_row(
            shot.name, counted, escape(shot.source), shot.timecode_in, shot.timecode_out, there, escape(notes)
        )
    return table


def shots_facts(edit: Edit, handles: int) -> dict[str, Any]:
    """Return the shots of an edit, for a program."""
    return {
        "shots": [
            {
                "name": shot.name,
                "frames": [shot.frames.first, shot.frames.last],
                "frames_with_handles": [shot.with_handles(handles).first, shot.with_handles(handles).last],
                "plate": shot.plate,
                "first_frame": shot.first_frame,
                "first_timecode": shot.timecode,
                "source": shot.source,
                "frame_rate": shot.rate,
                "source_frames": [shot.source_in, shot.source_out],
                "timecode": [shot.timecode_in, shot.timecode_out],
                "handles": None if shot.handles is None else list(shot.handles),
                "notes": list(shot.notes),
            }
            for shot in edit.shots
        ],
        "notes": list(edit.notes),
    }


def result_facts(result: ShotResult) -> dict[str, Any]:
    """Return what became of a shot, for a program."""
    error = None if result.error is None else str(result.error)
    return {
        "shot": result.shot,
        "state": result.state,
        "folder": result.folder,
        "error": error,
        "track": result.facts or None,
    }
