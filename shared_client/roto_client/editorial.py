"""The shots of an edit, read by OpenTimelineIO and its adapters from EDL, XML, FCPXML, AAF and OTIO files.

A shot is what a video track shows of one clip. Its frames are counted as the plate that is pulled for it counts them:
from a first frame on, with handles before and after the cut; an image sequence keeps its own numbers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional
from urllib.parse import unquote, urlsplit

import opentimelineio as otio

from roto_client.errors import BadInputError, ClientError
from roto_client.outputs import names_for_files
from roto_shapes.shot import FrameRange

EDIT_ENDINGS = (".edl", ".xml", ".fcpxml", ".aaf", ".otio")
SHOT_SIGN = "{shot}"

_ADAPTERS = {".edl": "cmx_3600", ".xml": "fcp_xml", ".fcpxml": "fcpx_xml", ".aaf": "AAF", ".otio": "otio_json"}
_LARGEST_BYTES = 256 << 20
"""Of an edit: a film's is a few MiB. An AAF may carry media, which are not read, and is not bounded."""
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_WHOLE_SPEED = 1e-6
_SCHEMA = re.compile(r"\w+\.[1-9]\d{0,5}", re.ASCII)
_LARGEST_FRAME = 2**31 - 1
_LONGEST = 10_000_000
"""Frames of one shot: more than a day at 60 a second is damage."""
_NUMBERED_IMAGE = re.compile(
    r"(?P<head>.*?)(?:\[(?P<first>\d+)-\d+\]|(?P<number>\d+))(?P<tail>\.(?:exr|dpx|tiff?|png|jpe?g))", re.IGNORECASE
)
"""One file of a sequence, or `name.[1001-1100].exr`, as editors write one for all."""


@dataclass(frozen=True)
class Numbering:
    """How the frames of pulled plates are counted."""

    first_frame: int = 1001
    """The first frame of each plate, handles included."""
    handles: int = 0
    """Frames before and after the cut that each plate has, and that are tracked with it."""
    plates: str = ""
    """Where pulled plates lie, with `{shot}` in it; empty for the media that the edit names."""


@dataclass(frozen=True)
class Shot:
    """One shot of an edit. Source frames count from 0 at timecode 00:00:00:00, both ends included."""

    name: str
    """Unlike that of any other shot."""
    source: str
    """The media's path, or what else is known of it, such as a reel; empty for nothing."""
    rate: float
    """Frames a second of the source."""
    source_in: int
    source_out: int
    timecode_in: str
    timecode_out: str
    handles: Optional[tuple[int, int]]
    """Frames that the media has before and after; None when the edit does not say what it has."""
    frames: FrameRange
    """The frames of the cut, as the plate counts them."""
    plate: str
    """What to track, as `roto track` takes it; empty when the edit names no media."""
    first_frame: Optional[int]
    """A movie's frame at `timecode`, or its first without one; None for plates that have numbers of their own."""
    timecode: str
    """Of the movie's frame that `first_frame` numbers; empty for the movie's first."""
    notes: tuple[str, ...]
    """What a person should know, such as a change of speed."""

    def with_handles(self, handles: int) -> FrameRange:
        """Return the frames of the cut and so many at each end."""
        return FrameRange(self.frames.first - handles, self.frames.last + handles)


@dataclass(frozen=True)
class Edit:
    """What an editor cut."""

    shots: tuple[Shot, ...]
    """In the order of the cut."""
    notes: tuple[str, ...]
    """What a person should know of how the file was read."""


def read_edit(path: str, rate: Optional[float] = None, numbering: Optional[Numbering] = None) -> Edit:
    """Return the shots of an edit.

    `rate` is the frames a second of an EDL, which does not say (24 otherwise). Raises BadInputError for what is no
    edit.
    """
    numbering = numbering or Numbering()
    timelines, notes = _read(Path(path), rate)
    found = [
        shot for clip in _clips_in_order(timelines) for shot in _readable_shots(clip, numbering, Path(path), notes)
    ]
    if not found:
        told = "; ".join(notes) or "its video tracks have no clips"
        raise BadInputError(f"'{path}' holds no shots: {told}.")
    names = names_for_files([shot.name for shot in found])
    return Edit(tuple(_placed(replace(shot, name=name), numbering) for shot, name in zip(found, names)), tuple(notes))


def _read(path: Path, rate: Optional[float]) -> tuple[list[otio.schema.Timeline], list[str]]:
    ending = path.suffix.lower()
    if ending not in EDIT_ENDINGS:
        raise BadInputError(f"'{path}' is no edit by its ending: give one of {', '.join(EDIT_ENDINGS)}.")
    if rate is not None and ending != ".edl":
        raise BadInputError(f"'{path}' says its rate itself: --rate is for .edl files, leave it out.")
    try:
        _require_size(path)
        if ending == ".edl":
            read, notes = _read_edl(path, rate)
        else:
            read, notes = _read_other(path, ending), _unread(path, ending)
    except OSError as error:
        raise BadInputError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    except ClientError:
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:200] or "no reason given"
        raise BadInputError(f"'{path}' is no edit that can be read ({said}): export it again.") from error
    timelines = [read] if isinstance(read, otio.schema.Timeline) else _timelines_in(read)
    if not timelines:
        raise BadInputError(f"'{path}' holds no timeline: export the sequence, not the project or a clip.")
    return timelines, notes


def _require_size(path: Path) -> None:
    size = path.stat().st_size
    if size == 0:
        raise BadInputError(f"'{path}' is empty: export it again.")
    if size > _LARGEST_BYTES and path.suffix.lower() != ".aaf":
        raise BadInputError(f"'{path}' is larger than an edit may be ({_LARGEST_BYTES >> 20} MiB).")


def _read_other(path: Path, ending: str) -> otio.core.SerializableObject:
    if ending == ".otio":
        # What is nested deep, and a schema whose version is no number, end OpenTimelineIO by a segmentation fault.
        json.loads(path.read_bytes(), object_hook=_require_schema)
    return otio.adapters.read_from_file(
        str(path), adapter_name=_ADAPTERS[ending], media_linker_name=otio.media_linker.MediaLinkingPolicy.DoNotLinkMedia
    )


def _unread(path: Path, ending: str) -> list[str]:
    """Return what an edit says and its adapter passes over."""
    if ending != ".fcpxml":
        return []
    content = path.read_bytes()
    passed = {b"<timeMap": "changes of speed (timeMap)", b'enabled="0"': "disabled clips, which are listed too"}
    return [f"not read from this format: {what}; check the shots" for sign, what in passed.items() if sign in content]


def _require_schema(content: dict[str, object]) -> None:
    """Refuse an object of an .otio file whose kind cannot be read."""
    schema = content.get("OTIO_SCHEMA", "")
    if not isinstance(schema, str) or (schema and not _SCHEMA.fullmatch(schema)):
        raise ValueError(f"'{schema}' is no schema of OpenTimelineIO")


def _read_edl(path: Path, rate: Optional[float]) -> tuple[otio.core.SerializableObject, list[str]]:
    notes = [] if rate else ["an EDL does not say its rate: read at 24 frames a second; --rate says another"]
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
        notes.append("not UTF-8: read as Latin-1")
    options = {"rate": rate or 24, "media_linker_name": otio.media_linker.MediaLinkingPolicy.DoNotLinkMedia}
    try:
        return otio.adapters.read_from_string(text, "cmx_3600", **options), notes
    except otio.exceptions.OTIOError as error:
        # Durations that do not fit one another are the fault that editors' EDLs have most often.
        notes.append(f"timecodes that do not fit ({' '.join(str(error).split())}): each shot is as long as its source")
        return otio.adapters.read_from_string(text, "cmx_3600", ignore_timecode_mismatch=True, **options), notes


def _timelines_in(read: otio.core.SerializableObject) -> list[otio.schema.Timeline]:
    if not isinstance(read, otio.schema.SerializableCollection):
        return []
    return list(read.find_children(descended_from_type=otio.schema.Timeline))


def _clips_in_order(timelines: Sequence[otio.schema.Timeline]) -> Iterator[otio.schema.Clip]:
    """Yield the clips with a picture by the time at which they appear, upper tracks after lower ones."""
    for timeline in timelines:
        yield from _clips_of(timeline)


def _clips_of(timeline: otio.schema.Timeline) -> Iterator[otio.schema.Clip]:
    found = []
    for level, track in enumerate(timeline.video_tracks()):
        if not _is_on(track):
            continue
        for child in track:
            if not isinstance(child, otio.core.Item) or isinstance(child, otio.schema.Gap):
                continue
            start = child.range_in_parent().start_time.to_seconds()
            if isinstance(child, otio.schema.Clip):
                found.append((start, level, child))
            else:
                found += [(start, level, clip) for clip in child.find_clips() if _is_picture(clip)]
    for _, _, clip in sorted(found, key=lambda each: each[:2]):
        if _is_on(clip) and not isinstance(clip.media_reference, otio.schema.GeneratorReference):
            yield clip


def _is_on(item: otio.core.Item) -> bool:
    """Say whether an item is enabled; the adapter of Final Cut 7's XML leaves it in the metadata."""
    return bool(item.enabled) and str(item.metadata.get("fcp_xml", {}).get("enabled", "TRUE")).upper() != "FALSE"


def _is_picture(clip: otio.schema.Clip) -> bool:
    track = clip.parent()
    return not isinstance(track, otio.schema.Track) or track.kind == otio.schema.TrackKind.Video


def _readable_shots(clip: otio.schema.Clip, numbering: Numbering, edit: Path, notes: list[str]) -> list[Shot]:
    try:
        return _shots_of(clip, numbering, edit)
    except (ValueError, OverflowError) as error:  # NaN, infinity, a rate of 0, and what else damage makes of times
        notes.append(f"'{clip.name}' is left out, for its times make no sense ({error})")
        return []


def _shots_of(clip: otio.schema.Clip, numbering: Numbering, edit: Path) -> list[Shot]:
    """Return the shot of a clip, none where a compound round it shows nothing of it."""
    said: list[str] = []
    media = clip.media_reference
    source, sequence_start = _source(clip, edit.parent)
    available = media.available_range if media else None
    used = _used_range(clip, said)
    if used is None:
        return []
    rate = (available or used).start_time.rate
    first = round(used.start_time.rescaled_to(rate).value)
    count = _at_speed(clip, max(round(used.duration.rescaled_to(rate).value), 1), said)
    if not (0 <= count <= _LONGEST and abs(first) <= _LARGEST_FRAME):
        raise ValueError(f"{count} frames from {first}")
    handles = None
    if available is not None and edit.suffix.lower() != ".edl":  # of an EDL the adapter takes the cut for all there is
        begin, length = round(available.start_time.value), round(available.duration.value)
        handles = (first - begin, begin + length - first - count)
        if min(handles) < 0:
            said.append("the cut goes beyond the media")
    frames, first_frame = _frames(first, count, available, sequence_start, numbering)
    if not numbering.plates:
        _note_media(source, said)
    timecode = ""
    if available is None and sequence_start is None and not numbering.plates and source:
        first_frame, timecode = frames.first, _timecode(first, rate)
    placed = available is not None or bool(timecode)
    if source and not placed and not numbering.plates:
        said.append("where the cut lies in its media is not known: pull plates and give --plates")
    return [
        Shot(
            name=clip.name or Path(source).stem or "shot",
            source=source or _reel(clip),
            rate=rate,
            source_in=first,
            source_out=first + count - 1,
            timecode_in=_timecode(first, rate),
            timecode_out=_timecode(first + count - 1, rate),
            handles=handles,
            frames=frames,
            plate=source if placed else "",
            first_frame=first_frame,
            timecode=timecode,
            notes=tuple(said),
        )
    ]


def _frames(
    first: int,
    count: int,
    available: Optional[otio.opentime.TimeRange],
    sequence_start: Optional[int],
    numbering: Numbering,
) -> tuple[FrameRange, Optional[int]]:
    """Return the cut's frames in its plate, and the number of a movie's first frame where it follows from them."""
    if sequence_start is not None and available is not None and not numbering.plates:
        begin = sequence_start + first - round(available.start_time.value)
        return FrameRange(begin, begin + count - 1), None
    cut = numbering.first_frame + numbering.handles
    frames = FrameRange(cut, cut + count - 1)
    if numbering.plates or available is None:
        return frames, None
    return frames, cut - (first - round(available.start_time.value))


def _used_range(clip: otio.schema.Clip, notes: list[str]) -> Optional[otio.opentime.TimeRange]:
    """Return what is seen of a clip, in its own time: transitions add to it, compounds round it cut it."""
    used = clip.visible_range()
    extra = used.duration - clip.trimmed_range().duration
    if extra.value > 0:
        notes.append(f"{round(extra.value)} of its frames are in transitions")
    for compound in _compounds_round(clip):
        if isinstance(compound, otio.schema.Stack):
            notes.append(f"inside '{compound.name or 'a compound'}'")
        if compound.source_range is None:
            continue
        inside = clip.transformed_time_range(used, compound)
        start = max(inside.start_time, compound.source_range.start_time)
        end = min(inside.end_time_exclusive(), compound.source_range.end_time_exclusive())
        if end <= start:
            return None
        used = compound.transformed_time_range(otio.opentime.TimeRange(start, end - start), clip)
    return used


def _compounds_round(clip: otio.schema.Clip) -> Iterator[otio.core.Item]:
    """Yield what holds a clip within the timeline's own tracks, from the inside."""
    parent = clip.parent()
    while parent is not None and parent.parent() is not None and parent.parent().parent() is not None:
        yield parent
        parent = parent.parent()


def _at_speed(clip: otio.schema.Clip, count: int, notes: list[str]) -> int:
    """Return how many source frames a clip shows at its speed."""
    for effect in clip.effects:
        if effect.metadata.get("fcp_xml", {}).get("effectid") == "timeremap":
            notes.append("its speed is changed, which is not read from this format: check its frames")
        if isinstance(effect, otio.schema.FreezeFrame):
            notes.append("a frozen frame")
            return 1
        if isinstance(effect, otio.schema.LinearTimeWarp):
            if abs(effect.time_scalar - 1) < _WHOLE_SPEED:
                continue
            notes.append(f"speed {effect.time_scalar:.0%}: frames are the source's")
            count = max(round(count * abs(effect.time_scalar)), 1)
        elif isinstance(effect, otio.schema.TimeEffect):
            notes.append("speed changes in a way that is not read: frames may be others")
    return count


def _source(clip: otio.schema.Clip, folder: Path) -> tuple[str, Optional[int]]:
    """Return the path of a clip's media, and the first number of an image sequence."""
    media = clip.media_reference
    if isinstance(media, otio.schema.ImageSequenceReference):
        digits = "#" * max(media.frame_zero_padding, 1)
        name = f"{media.name_prefix}{digits}{media.name_suffix}"
        return _path(media.target_url_base.rstrip("/") + "/" + name, folder, plain=name), media.start_frame
    if isinstance(media, otio.schema.ExternalReference) and media.target_url:
        path = _path(media.target_url, folder)
        image = _NUMBERED_IMAGE.fullmatch(Path(path).name)
        if image is None:
            return path, None
        digits = image["first"] or image["number"]
        name = f"{image['head']}{'#' * len(digits)}{image['tail']}"
        return path[: -len(Path(path).name)] + name, int(digits)
    return "", None


def _path(url: str, folder: Path, plain: str = "") -> str:
    """Return the path of a URL or a path; `plain` is a name at its end that is none of a URL's."""
    head, tail = (url[: -len(plain)], plain) if plain else (url, "")
    if head.lower().startswith("file:"):
        parts = urlsplit(head)
        host = "" if parts.netloc in {"", "localhost"} else f"//{parts.netloc}"
        path = unquote(parts.path)
        head = host + (path[1:] if _DRIVE.match(path[1:]) else path)
    elif "://" in head:
        return url
    path = head + tail
    if Path(path).is_absolute() or _DRIVE.match(path) or path.startswith("\\\\"):
        return path
    return str(folder / path)


def _reel(clip: otio.schema.Clip) -> str:
    facts = clip.metadata.get("cmx_3600", {})
    return str(facts.get("reel", ""))


def _note_media(source: str, notes: list[str]) -> None:
    if not source:
        notes.append("the edit names no media")
    elif "#" in Path(source).name:
        if not Path(source).parent.is_dir():
            notes.append("the media is not found here")
    elif not Path(source).exists():
        notes.append("the media is not found here")


def _timecode(frame: int, rate: float) -> str:
    """Return a frame as timecode, counted without drop frames; empty for a rate that no timecode counts."""
    try:
        return str(otio.opentime.RationalTime(frame, rate).to_timecode(rate, drop_frame=False))
    except ValueError:
        return ""


def _placed(shot: Shot, numbering: Numbering) -> Shot:
    """Return a shot with its pulled plate, where plates are pulled."""
    if not numbering.plates:
        return shot
    plate = numbering.plates.replace(SHOT_SIGN, shot.name)
    notes = shot.notes if Path(plate).parent.is_dir() else (*shot.notes, "its plate is not found here")
    return replace(shot, plate=plate, notes=notes)
