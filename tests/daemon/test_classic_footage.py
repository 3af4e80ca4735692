"""The classic engine on the footage of the demo, against masks painted by hand."""

from __future__ import annotations

from itertools import pairwise

import pytest
from bunny import Bunny, bunny_by_clicks, bunny_by_mask
from tracking_measures import overlap

from roto_daemon.engines import Direction
from roto_daemon.engines.classic import ClassicEngine
from roto_shapes.shot import FrameRange


@pytest.mark.parametrize(
    ("plate", "wanted"), [(bunny_by_mask(), 0.95), (bunny_by_clicks(), 0.92)], ids=["mask", "clicks"]
)
def test_the_bunny_is_followed_as_it_was_painted(plate: Bunny, wanted: float) -> None:
    session = ClassicEngine().open(plate)
    session.set_prompt(1, plate.frames.first, plate.prompt)
    followed = session.propagate(1, FrameRange(plate.frames.first, 60), Direction.FORWARD)
    found = {each.frame: each.matte >= 0.5 for each in followed}
    assert min(overlap(found[frame], plate.truth(frame)) for frame in plate.judged if frame in found) > wanted


def test_the_painted_masks_are_of_one_object_that_moves() -> None:
    plate = bunny_by_mask()
    masks = [plate.truth(frame) for frame in (plate.frames.first, *plate.judged)]
    assert len(masks) == 6
    assert all(110_000 < mask.sum() < 150_000 for mask in masks)
    assert all(0.7 < overlap(one, two) < 0.95 for one, two in pairwise(masks))
