"""Files of weights, whole and otherwise. Needs torch."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from roto_daemon.engines.weights import fit_state, load_state
from roto_daemon.errors import UnavailableError, WeightsError


def network() -> nn.Module:
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


def write_safetensors(state: dict[str, Tensor], path: Path) -> None:
    save_file(state, path)


def write_zip(state: dict[str, Tensor], path: Path) -> None:
    torch.save({"model": state, "epoch": 3}, path)


def write_bare(state: dict[str, Tensor], path: Path) -> None:
    torch.save(OrderedDict(state), path)


def write_nested(state: dict[str, Tensor], path: Path) -> None:
    torch.save({"model": {"state_dict": state}}, path)


def write_old(state: dict[str, Tensor], path: Path) -> None:
    torch.save({"state_dict": state}, path, _use_new_zipfile_serialization=False)


Writer = Callable[[dict[str, Tensor], Path], None]
WRITERS = [write_safetensors, write_zip, write_bare, write_nested, write_old]


@pytest.mark.parametrize("write", WRITERS)
def test_weights_come_back_to_the_bit_from_every_form(write: Writer, tmp_path: Path) -> None:
    state = network().state_dict()
    write(state, tmp_path / "net")
    assert same(load_state(tmp_path / "net"), state)


@pytest.mark.parametrize("write", WRITERS)
def test_a_file_cut_anywhere_is_refused_in_one_sentence(write: Writer, tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    write(network().state_dict(), path)
    whole = path.read_bytes()
    for length in {*np.random.default_rng(1).integers(len(whole), size=40).tolist(), 0, 1, 8, 9, len(whole) - 1}:
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError, match=r"net\.pt' (are damaged|is damaged|is no file of weights)"):
            load_state(path)


@pytest.mark.parametrize("write", WRITERS)
def test_turned_bytes_give_weights_or_a_sentence_and_nothing_else(write: Writer, tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    write(network().state_dict(), path)
    whole = path.read_bytes()
    chance = np.random.default_rng(2)
    refusals = []
    for _ in range(150):
        turned = bytearray(whole)
        reach = chance.choice([64, 400, len(whole)])
        for place in chance.integers(reach, size=chance.choice([1, 3, 30])):
            turned[place] = chance.integers(256)
        path.write_bytes(turned)
        try:
            load_state(path)
        except WeightsError as error:
            refusals.append(str(error))
    assert len(refusals) > 20
    assert all("net.pt'" in each for each in refusals)


class Trap:
    """Unpickled, it makes a folder."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.proof),)


@pytest.mark.parametrize("form", ["pickle", "zip", "old"])
def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(form: str, tmp_path: Path) -> None:
    path, proof = tmp_path / "trap.pt", tmp_path / "proof"
    content = {"model": {"a": torch.ones(1), "b": Trap(proof)}}
    if form == "pickle":
        path.write_bytes(pickle.dumps(Trap(proof)))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(
        WeightsError, match=r"trap\.pt' (is damaged or no plain file of weights: it asks for \w+\.mkdir|are damaged)"
    ):
        load_state(path)
    assert not proof.exists()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ([1, 2], "a list instead of tensors"),
        ({}, "a dict instead of tensors"),
        (torch.ones(3), "a Tensor instead of tensors"),
        ({"epoch": 3}, "'epoch' is a int, not a tensor"),
        ({"model": {"a": torch.ones(1), "b": "text"}}, "'b' is a str, not a tensor"),
        ({3: torch.ones(1)}, "'3' is a Tensor"),
    ],
)
def test_a_pickle_of_something_else_is_refused(content: object, why: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(WeightsError, match=why):
        load_state(tmp_path / "net.pt")


def test_no_file_a_folder_and_a_text_are_each_refused(tmp_path: Path) -> None:
    (tmp_path / "page.pt").write_text("<html>Not found</html>")
    for name, why in [("gone.pt", "cannot be read: No such file"), ("", "cannot be read"), ("page.pt", "neither")]:
        with pytest.raises(UnavailableError, match=why):
            load_state(tmp_path / name)


def test_weights_fit_the_network_they_came_from_in_any_precision(tmp_path: Path) -> None:
    state = network().state_dict()
    half = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    torch.manual_seed(6)
    other = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    fit_state(other, half, tmp_path)
    assert same(other.state_dict(), {key: value.to(state[key].dtype) for key, value in half.items()})


def test_weights_of_another_network_are_told_by_what_does_not_fit_and_change_nothing(tmp_path: Path) -> None:
    target = network()
    before = {key: value.clone() for key, value in target.state_dict().items()}
    state = {**before, "0.weight": torch.zeros(5, 3), "3.extra": torch.zeros(1)}
    state["2.bias"] = torch.zeros(2)
    del state["1.running_mean"]
    with pytest.raises(WeightsError) as refused:
        fit_state(target, state, tmp_path / "other.pt")
    for fact in (
        "other.pt",
        "Sequential",
        "1 missing (1.running_mean)",
        "1 unexpected (3.extra)",
        "another shape (0.weight)",
    ):
        assert fact in str(refused.value)
    assert same(target.state_dict(), before)
