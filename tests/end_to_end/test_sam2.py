"""The true video predictor behind a real daemon: clicks through the wire, a network with weights in a worker."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import Clip, clicks_on, make_clip
from numpy.typing import NDArray
from serving import Daemon, serving

from roto_client.results import Direction, FrameDone
from roto_client.session import TrackedObject, connect

pytest.importorskip("torch", reason="needs PyTorch: install the extra 'sam2'")
pytest.importorskip("sam2", reason="needs SAM 2: install the extra 'sam2'")

FRAMES = 8


@pytest.fixture(scope="module")
def clip() -> Clip:
    return make_clip(14, frames=FRAMES, size=256, objects=2)


@pytest.fixture
def footage(clip: Clip, tmp_path: Path) -> str:
    for number, picture in enumerate(clip.frames):
        cv2.imwrite(str(tmp_path / f"clip.{number:04}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return str(tmp_path / "clip.####.png")


@pytest.fixture
def seeing_daemon(tmp_path: Path) -> Iterator[Daemon]:
    folder = tmp_path / "daemon"
    folder.mkdir()
    with serving(folder, extra_engines="micro_engine:MicroEngine") as running:
        yield running


def click_on(target: TrackedObject, clip: Clip, number: int, frame: int = 0) -> None:
    x, y = clicks_on(clip.masks[frame, number], 1, np.random.default_rng(number))[0]
    target.click(frame, float(x) + 0.5, float(y) + 0.5)


def found(target: TrackedObject, clip: Clip) -> NDArray[np.bool_]:
    """Return the object on every frame of the plate."""
    mattes = sorted(target.mattes(), key=lambda each: each.frame)
    samples = [np.frombuffer(each.coverage8(), np.uint8).reshape(clip.frames.shape[1:3]) for each in mattes]
    return np.array(samples) > 127


def overlap(masks: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> float:
    """Mean over the frames."""
    return float(np.mean([(one & two).sum() / (one | two).sum() for one, two in zip(masks, wanted, strict=True)]))


def test_a_click_on_each_of_two_objects_tracks_both_and_a_dead_worker_is_made_good(
    seeing_daemon: Daemon, footage: str, clip: Clip
) -> None:
    with (
        connect(seeing_daemon.address) as far,
        far.open_plate(footage) as plate,
        plate.open_session("sam2-micro") as session,
    ):
        targets = [session.add_object(f"object {number}") for number in range(2)]
        for number, target in enumerate(targets):
            click_on(target, clip, number)
            done = [each.frame for each in target.track(direction=Direction.FORWARD) if isinstance(each, FrameDone)]
            assert done == list(range(FRAMES))
        masks = [found(target, clip) for target in targets]
        assert min(overlap(masks[number], clip.masks[:, number]) for number in range(2)) > 0.75
        assert not (masks[0] & masks[1]).all(axis=(1, 2)).any()

        before = seeing_daemon.worker_pids
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while set(seeing_daemon.worker_pids) & set(before) or not seeing_daemon.worker_pids:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        click_on(targets[0], clip, 0, frame=4)
        assert overlap(found(targets[0], clip), clip.masks[:, 0]) > 0.75
        list(targets[0].track(direction=Direction.FORWARD))
        assert overlap(found(targets[0], clip), clip.masks[:, 0]) > 0.75
