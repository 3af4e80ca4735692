"""A matte in whose place another one comes is held until the change is written, and comes back when it never is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from roto_daemon.errors import PlateError
from roto_daemon.plates.matte_store import MatteStore

OBJECT, FRAME = 3, -5


def put(store: MatteStore, level: float) -> None:
    store.put(OBJECT, FRAME, level, np.full((4, 6), level, np.float32))


def level(store: MatteStore) -> float | None:
    try:
        return store.read(OBJECT, FRAME).confidence
    except KeyError:
        return None


def names(folder: Path) -> set[str]:
    return {file.name for file in (folder / f"mattes-{OBJECT}").iterdir()}


@pytest.fixture
def store(tmp_path: Path) -> MatteStore:
    return MatteStore(tmp_path)


@pytest.mark.parametrize("prompted", [False, True])
@pytest.mark.parametrize("before", [None, 0.25])
def test_a_refused_change_leaves_what_was_there(
    store: MatteStore, tmp_path: Path, before: float | None, prompted: bool  # noqa: FBT001 - a case
) -> None:  # fmt: skip
    if before:
        put(store, before)
    store.hold(OBJECT, FRAME, 7, prompted=prompted)
    put(store, 0.75)
    assert level(store) == 0.75
    store.restore(OBJECT, FRAME, 7)
    assert level(store) == before
    assert names(tmp_path) == ({f"{FRAME}.matte"} if before else set())


def test_what_was_tracked_stays_beside_its_prompts_until_the_frame_is_cleared(
    store: MatteStore, tmp_path: Path
) -> None:
    put(store, 0.25)
    for revision, now in enumerate((0.5, 0.75), 1):
        store.hold(OBJECT, FRAME, revision, prompted=revision > 1)
        put(store, now)
        store.release(OBJECT, FRAME, revision, prompted=True)
    tracked = store.tracked(OBJECT, FRAME)
    assert tracked
    assert (tracked.confidence, level(store)) == (0.25, 0.75)
    assert store.frames(OBJECT) == [FRAME]
    store.hold(OBJECT, FRAME, 3, prompted=True)
    put(store, 0.25)
    store.release(OBJECT, FRAME, 3, prompted=False)
    assert store.tracked(OBJECT, FRAME) is None
    assert names(tmp_path) == {f"{FRAME}.matte"}


def test_a_frame_on_which_nothing_was_tracked_has_nothing_beneath_its_prompt(store: MatteStore) -> None:
    store.hold(OBJECT, FRAME, 1, prompted=False)
    put(store, 0.5)
    store.release(OBJECT, FRAME, 1, prompted=True)
    assert store.tracked(OBJECT, FRAME) is None


@pytest.mark.parametrize("prompted", [False, True])
def test_a_death_before_the_change_was_written_takes_it_back_and_after_it_does_not(
    store: MatteStore, tmp_path: Path, prompted: bool  # noqa: FBT001 - a case
) -> None:  # fmt: skip
    put(store, 0.25)
    store.hold(OBJECT, FRAME, 7, prompted=prompted)
    put(store, 0.75)
    (tmp_path / f"mattes-{OBJECT}" / "8.part-123").write_bytes(b"half a matte")
    store.recover(OBJECT, 8, {FRAME})  # the object has come to revision 8: it was written
    assert level(store) == 0.75
    assert (store.tracked(OBJECT, FRAME) is None) == prompted
    store.hold(OBJECT, FRAME, 8, prompted=True)
    put(store, 0.5)
    store.recover(OBJECT, 8, {FRAME})
    assert level(store) == 0.75
    assert not [name for name in names(tmp_path) if "part" in name or "before" in name]


def test_facts_are_those_of_the_mattes_and_pass_over_damaged_ones(store: MatteStore, tmp_path: Path) -> None:
    put(store, 0.5)
    (tmp_path / f"mattes-{OBJECT}" / "8.matte").write_bytes(b"short")
    assert store.facts(OBJECT) == [(FRAME, 0.5, 12.0)]
    with pytest.raises(PlateError, match="damaged"):
        store.read(OBJECT, 8)
