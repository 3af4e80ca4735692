"""The commands `roto-daemon models …` as a person meets them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_server import Served, serving
from typer.testing import CliRunner, Result

from roto_daemon.checkpoints import CHECKPOINTS, checkpoint
from roto_daemon.cli import app

XMEM, TINY = checkpoint("xmem"), checkpoint("sam2.1_hiera_tiny")


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(b"weights of a sort") as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: Served) -> Path:
    monkeypatch.setenv("ROTO_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("ROTO_MODELS_MIRROR", served.url)
    monkeypatch.setenv("COLUMNS", "250")
    return tmp_path / "models"


def models(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["models", *arguments])


def refused(done: Result, *facts: str, code: int = 4) -> None:
    assert done.exit_code == code, done.output
    assert done.stderr.startswith("roto-daemon: ")
    for fact in facts:
        assert fact in done.stderr


def test_the_list_has_every_checkpoint_with_licence_size_and_state(folder: Path) -> None:
    shown = models("list")
    assert shown.exit_code == 0
    assert str(folder) in shown.output
    for each in CHECKPOINTS:
        assert each.name in shown.output
        assert each.terms.because in shown.output
    told = json.loads(models("list", "--json").output)
    states = {each["name"]: each["state"] for each in told["models"]}
    assert states["sam2.1_hiera_tiny"] == "not here"
    assert states["sam3"] == "withheld"
    assert states["vitmatte-small-composition-1k"] == "against the policy"
    reasons = {each["name"]: each["reason"] for each in told["models"]}
    assert "huggingface.co" in reasons["sam3"]
    assert 'policy = "research"' in reasons["vitmatte-small-composition-1k"]
    assert reasons["sam2.1_hiera_tiny"] == ""
    assert next(each for each in told["models"] if each["name"] == TINY.name)["megabytes"] == 156


def test_a_checkpoint_is_pulled_found_verified_packed_and_installed(
    folder: Path, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = models("pull", "xmem")
    assert done.exit_code == 0, done.output
    assert "xmem: unverified: nobody publishes a checksum" in done.output
    assert XMEM.terms.because in done.output
    assert models("path", "xmem").output.strip() == str(folder / XMEM.file)
    assert models("path").output.strip() == str(folder)
    assert "as when it was first noted" in models("verify").output
    assert models("pack", "xmem", "xmem", "--out", str(tmp_path / "pack.tar")).exit_code == 0
    monkeypatch.setenv("ROTO_MODELS_DIR", str(tmp_path / "other"))
    assert "xmem: unverified" in models("install", str(tmp_path / "pack.tar")).output
    assert (tmp_path / "other" / XMEM.file).read_bytes() == served.content


def test_a_checkpoint_that_changed_is_found_by_verify(folder: Path) -> None:
    assert models("pull", "xmem").exit_code == 0
    (folder / XMEM.file).write_bytes(b"changed")
    done = models("verify", "xmem")
    assert done.exit_code == 4
    assert "another file than the one noted" in done.stderr
    assert "1 of 1 checkpoints cannot be used" in done.stderr


def test_nothing_here_is_no_fault(folder: Path) -> None:
    assert models("verify").output == f"There is no checkpoint in {folder}.\n"


def test_what_is_refused_ends_with_4_and_a_sentence(folder: Path, tmp_path: Path) -> None:
    refused(models("pull", TINY.name), "17 bytes long", str(TINY.size_bytes))
    refused(models("pull", "edgetam"), "not the file that was published", f"{folder}/edgetam.pt.refused")
    refused(models("pull", "sam3"), "huggingface.co")
    refused(models("pull", "sam9"), "There is no checkpoint 'sam9'")
    refused(models("pull", "vitmatte-small-composition-1k"), "commercial work", 'policy = "research"')
    refused(models("path", TINY.name), "is not in")
    assert models("verify", TINY.name).exit_code == 4
    refused(models("pack", TINY.name, "--out", str(tmp_path / "p.tar")), f"models pull {TINY.name}")
    refused(models("install", str(tmp_path / "p.tar")), "cannot be read")


def test_a_setting_that_cannot_be_used_ends_with_3(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    (folder / "policy.toml").write_text("policy = 7")
    refused(models("list"), "policy.toml", code=3)
    refused(CliRunner().invoke(app, ["doctor"]), "policy.toml", code=3)
    refused(CliRunner().invoke(app, ["serve"]), "policy.toml", code=3)
    (folder / "policy.toml").unlink()
    monkeypatch.setenv("ROTO_POLICY", "free")
    refused(models("path"), '"commercial" or "research"', code=3)
