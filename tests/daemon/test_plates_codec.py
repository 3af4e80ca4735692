"""Packed mattes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from roto_daemon.errors import PlateError
from roto_daemon.pictures import Matte
from roto_daemon.plates.codec import EncodedMatte, covered_box, decode_matte, encode_matte
from roto_daemon.plates.matte_store import MatteStore

mattes = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, max_side=24),
    elements=st.one_of(st.just(0.0), st.just(1.0), st.floats(0, 1, width=32)),
    fill=st.just(0.0),
)


@settings(deadline=None)
@given(matte=mattes, bits=st.sampled_from([8, 16]))
def test_a_matte_comes_back_within_half_a_level_and_its_ends_exactly(matte: Matte, bits: int) -> None:
    back = decode_matte(encode_matte(matte, bits))
    assert back.shape == matte.shape
    assert back.dtype == np.float32
    assert np.abs(back.astype(float) - matte).max() <= 0.5001 / (2**bits - 1)
    assert (back[matte == 0] == 0).all()
    assert (back[matte == 1] == 1).all()


@settings(deadline=None)
@given(matte=mattes)
def test_the_box_is_the_smallest_that_holds_all_coverage(matte: Matte) -> None:
    left, top, right, bottom = covered_box(matte)
    assert (matte > 0).sum() == (matte[top:bottom, left:right] > 0).sum()
    if matte.any():
        rows, columns = np.nonzero(matte)
        assert (left, top, right, bottom) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    else:
        assert (left, top, right, bottom) == (0, 0, 0, 0)


def test_what_is_no_coverage_is_clipped_and_what_is_not_finite_is_none() -> None:
    matte = np.array([[np.nan, -1, 0.25, 2, np.inf]], np.float32)
    assert decode_matte(encode_matte(matte)) == pytest.approx(np.array([[0, 0, 0.25, 1, 0]]), abs=1e-4)


def test_a_part_of_a_larger_array_can_be_packed() -> None:
    whole = np.random.default_rng(3).random((40, 50)).astype(np.float32)
    assert decode_matte(encode_matte(whole[3:30:2, 4:40])) == pytest.approx(whole[3:30:2, 4:40], abs=1e-4)


def test_an_empty_matte_takes_no_bytes() -> None:
    assert encode_matte(np.zeros((20, 30), np.float32)) == EncodedMatte(30, 20, (0, 0, 0, 0), 16, b"")


@pytest.mark.parametrize(
    "damage",
    [
        {"box": (0, 0, 40, 10)},
        {"box": (5, 0, 4, 10)},
        {"bits": 12},
        {"data": b"no zstandard"},
        {"box": (2, 2, 9, 9)},
        {"box": (2, 2, 5, 5)},
    ],
)
def test_damage_is_an_error_and_never_a_picture(damage: dict[str, object]) -> None:
    matte = np.zeros((20, 30), np.float32)
    matte[2:8, 2:8] = np.random.default_rng(3).random((6, 6))
    damaged = dataclasses.replace(encode_matte(matte), **damage)  # type: ignore[arg-type] # the cases are of one kind each
    with pytest.raises(PlateError, match="damaged"):
        decode_matte(damaged)


@pytest.mark.parametrize("content", [b"", b"RMT1", b"half a file" * 20])
def test_a_stored_matte_that_is_damaged_is_told_and_can_be_kept_anew(tmp_path: Path, content: bytes) -> None:
    store = MatteStore(tmp_path)
    store.put(1, 7, 0.5, np.ones((4, 6), np.float32))
    (file,) = tmp_path.rglob("7.matte")
    file.write_bytes(content)
    with pytest.raises(PlateError, match="frame 7 is damaged"):
        store.read(1, 7)
    store.put(1, 7, 0.5, np.ones((4, 6), np.float32))
    assert store.read(1, 7).matte().sum() == 24
