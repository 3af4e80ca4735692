"""Edges at the plate's resolution through a real daemon, for an engine whose masks are 20 px wide."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from serving import FIRST, HEIGHT, WIDTH, Daemon, Roto, centre

from roto_client.session import connect
from roto_shapes.prompt import MaskPrompt, Prompt

LAST = FIRST + 2


def disc(frame: int) -> NDArray[np.bool_]:
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    x, y = centre(frame)
    return np.asarray(np.hypot(columns - x, rows - y) <= 20, bool)


@pytest.mark.parametrize(("options", "least", "most"), [((), 0.7, 0.93), (("--native-edges",), 0.97, 1.0)])
def test_small_masks_reach_the_disc_s_edge_where_asked(
    roto: Roto, plate: str, tmp_path: Path, options: tuple[str, ...], least: float, most: float
) -> None:
    x, y = centre(FIRST)
    done = roto(
        *("track", plate, "--click", f"{FIRST}:{x:g},{y:g}", "--engine", "coarse", "--out", "a.json"),
        *("--mattes", "m.####.png", "--frames", f"{FIRST}-{LAST}", *options),
    )
    assert done.returncode == 0, done.stderr
    for frame in range(FIRST, LAST + 1):
        matte = np.asarray(cv2.imread(str(tmp_path / "work" / f"m.{frame}.png"), cv2.IMREAD_UNCHANGED)) > 32767
        assert least <= (matte & disc(frame)).sum() / (matte | disc(frame)).sum() <= most


def test_a_mask_that_the_artist_drew_stays_as_drawn(daemon: Daemon, plate: str) -> None:
    drawn = np.zeros((HEIGHT, WIDTH), np.uint8)
    drawn[20:60, 25:66] = 255
    with (
        connect(daemon.address) as far,
        far.open_plate(plate) as opened,
        opened.open_session("coarse", native_edges=True) as session,
    ):
        thing = session.add_object("disc")
        answer = thing.point_at(Prompt(FIRST, mask=MaskPrompt(WIDTH, HEIGHT, drawn.tobytes())))
        assert answer is not None
        assert answer.coverage8() == drawn.tobytes()
