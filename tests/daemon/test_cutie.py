"""Cutie at the size of tests, with random weights: what it remembers, for how long, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from composites import Clip, clip

pytest.importorskip("torch", reason="needs the extra 'cutie'")
pytest.importorskip("cutie", reason="needs the extra 'cutie'")

import torch
from blind_cutie import TINY, blind_cutie
from safetensors.torch import save_file

from roto_daemon.engines import Direction, EnginePrompt
from roto_daemon.engines.classic import ClassicEngine
from roto_daemon.engines.cutie import CutieEngine
from roto_daemon.engines.cutie.network import Run, build
from roto_daemon.engines.cutie.session import CutieSession
from roto_daemon.engines.sam2 import OwnFile
from roto_daemon.errors import WeightsError
from roto_shapes.shot import FrameRange

CELLS = 6 * 4  # of a frame of 96x54


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> CutieEngine:
    return blind_cutie(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def plate() -> Clip:
    return clip("cup", 1, (96, 54))


def test_a_network_is_built_without_fetching_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("something was to be fetched")

    monkeypatch.setattr("torch.utils.model_zoo.load_url", refuse)
    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    build(TINY)


def test_weights_of_another_network_are_refused(plate: Clip, tmp_path: Path) -> None:
    file = tmp_path / "other.safetensors"
    save_file({"conv.weight": torch.zeros(3)}, file)
    with pytest.raises(WeightsError, match="another network than CUTIE"):
        CutieEngine(OwnFile(file), ClassicEngine(), model=TINY).open(plate)


def test_masks_given_on_either_side_are_remembered_for_good_and_once(engine: CutieEngine, plate: Clip) -> None:
    session = engine.open(plate)
    assert isinstance(session, CutieSession)
    for frame in (1, 4, 7):
        session.set_prompt(1, frame, EnginePrompt(mask=plate.coverage(frame)))
    kept = []
    for last in (5, 12):
        list(session.propagate(1, FrameRange(4, last), Direction.FORWARD))
        kept.append(session._going[1].run._core.memory.work_mem.perm_size(0))
    assert kept == [3 * CELLS, 3 * CELLS]


def test_memory_stops_growing_in_a_long_shot(engine: CutieEngine, plate: Clip) -> None:
    engine.open(plate)
    network = engine._network
    assert network is not None
    run = Run(network, plate.size)
    run.state(plate.picture(1), plate.coverage(1), for_good=True)
    sizes = []
    for step in range(90):
        run.follow(plate.picture(2 + step % 20))
        sizes.append(run._core.memory.work_mem.size(0))
    assert max(sizes[60:]) <= max(sizes[:60])
    assert max(sizes) <= 11 * CELLS  # the stated frame for good, and ten more
