"""A feather is drawn as a host draws it: coverage falls on a straight line from the outline to the feather outline."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from roto_daemon.fitting import FitOptions, fit_shapes, render_shapes
from roto_shapes.shape import ControlPoint, Layer, LayerKeyframe, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

PLATE = Plate(200, 160, FrameRange(1, 9))


def box(left: float, top: float, right: float, bottom: float, feather_px: float) -> tuple[ControlPoint, ...]:
    """Return the corners of a box whose feather reaches so far out on every side; inwards where it is below zero."""
    out = feather_px
    return (
        ControlPoint(left, top, feather=(-out, -out)),
        ControlPoint(right, top, feather=(out, -out)),
        ControlPoint(right, bottom, feather=(out, out)),
        ControlPoint(left, bottom, feather=(-out, out)),
    )


def drawn(*shapes: Shape, frame: int = 1) -> NDArray[np.float32]:
    return render_shapes(Roto(PLATE, shapes), frame)


def shape(points: tuple[ControlPoint, ...], name: str = "box") -> Shape:
    return Shape(name, (ShapeKeyframe(1, points),), PLATE.frames)


def test_coverage_falls_evenly_across_the_feather_on_every_side() -> None:
    matte = drawn(shape(box(80, 60, 120, 100, 20)))
    across = np.arange(200) + 0.5
    wanted = np.clip(1 - np.maximum(80 - across, across - 120) / 20, 0, 1)
    assert matte[80] == pytest.approx(wanted, abs=0.02)
    assert matte[:160, 100] == pytest.approx(np.clip(1 - np.abs(np.arange(160) + 0.5 - 80) / 20 + 1, 0, 1), abs=0.02)


def test_a_feather_that_points_inwards_falls_towards_the_outline() -> None:
    matte = drawn(shape(box(60, 40, 140, 120, -10)))
    across = np.arange(200) + 0.5
    wanted = np.clip(np.minimum(across - 60, 140 - across) / 10, 0, 1)
    assert matte[80] == pytest.approx(wanted, abs=0.05)


def test_a_feather_moves_with_its_keyframes_and_its_layer() -> None:
    keys = (ShapeKeyframe(1, box(80, 60, 120, 100, 0)), ShapeKeyframe(9, box(80, 60, 120, 100, 20)))
    widening = Shape("box", keys, PLATE.frames)
    half = drawn(widening, frame=5)[80]
    assert half[74] == pytest.approx(1 - 5.5 / 10, abs=0.03)
    layer = Layer("up", (LayerKeyframe(1, scale=2.0),), (100, 80))
    twice = drawn(replace(widening, layer=layer), frame=5)[80]
    assert twice[49] == pytest.approx(1 - 10.5 / 20, abs=0.03)


def test_an_inverted_shape_cuts_softly() -> None:
    under = shape(box(20, 20, 180, 140, 0), "under")
    cut = replace(shape(box(80, 60, 120, 100, 20)), invert=True)
    matte = drawn(under, cut)
    assert matte[80, 100] == 0
    assert matte[80, 70] == pytest.approx(9.5 / 20, abs=0.03)
    assert matte[80, 40] == 1


def test_a_shape_beside_the_plate_draws_nothing_and_one_across_its_border_a_part() -> None:
    assert not drawn(shape(box(300, 60, 340, 100, 20))).any()
    matte = drawn(shape(box(-40, 60, 10, 100, 20)))
    assert (matte[80, 0], matte[80, 19]) == pytest.approx((1, 1 - 9.5 / 20), abs=0.03)


def test_a_soft_matte_comes_back_from_the_shapes_that_were_fitted_to_it() -> None:
    rows, columns = np.indices((160, 200)) + 0.5

    def soft(frame: int) -> NDArray[np.float32]:
        distance = np.hypot(columns - 80 - 4 * frame, rows - 80)
        matte: NDArray[np.float32] = np.clip(0.5 + (45 - distance) / 16, 0, 1).astype(np.float32)
        return matte

    result = fit_shapes(((frame, soft(frame)) for frame in PLATE.frames), PLATE, FitOptions(feather=True))
    for frame in (1, 5, 9):
        edge_px = 2 * np.pi * 45
        feathered, plain = (
            np.abs(render_shapes(roto, frame) - soft(frame)).sum() / edge_px for roto in (result.roto, result.plain)
        )
        # Between few points the feather outline, which has the main one's tangents, runs flatter than the ramp's end.
        assert feathered < 1.5, "px of coverage that are wrong for a px of edge"
        assert feathered < plain / 2
