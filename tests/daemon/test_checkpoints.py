"""The table of checkpoints, the policy on their licences, and the folder they lie in."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from roto_daemon.checkpoints import CHECKPOINTS, ModelsFolder, checkpoint
from roto_daemon.config import Config
from roto_daemon.errors import ConfigError, UnavailableError, UnknownError, WeightsError

TINY = checkpoint("sam2.1_hiera_tiny")


def folder(path: Path, **settings: object) -> ModelsFolder:
    return ModelsFolder.of(Config(models_dir=str(path), **settings))  # type: ignore[arg-type]


def test_every_checkpoint_has_its_own_name_and_file_and_states_its_terms() -> None:
    assert len({each.name for each in CHECKPOINTS}) == len({each.file for each in CHECKPOINTS}) == len(CHECKPOINTS)
    for each in CHECKPOINTS:
        assert re.fullmatch(r"[\w.-]+", each.file)
        assert each.url.startswith("https://")
        assert re.fullmatch(r"([0-9a-f]{64})?", each.sha256)
        assert re.fullmatch(r"([0-9a-f]{32})?", each.md5)
        assert each.terms.licence
        assert each.terms.because.endswith(".")


def test_an_unknown_checkpoint_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UnknownError, match=r"'sam9'.*sam2\.1_hiera_tiny"):
        checkpoint("sam9")


def test_missing_weights_are_told_with_the_command_that_fetches_exactly_them(tmp_path: Path) -> None:
    models = folder(tmp_path)
    (tmp_path / checkpoint("edgetam").file).touch()
    assert models.unavailable("edgetam") == ""
    told = models.unavailable("edgetam", "sam2.1_hiera_tiny", "sam2.1_hiera_large")
    assert told.endswith("roto-daemon models pull sam2.1_hiera_tiny sam2.1_hiera_large")
    assert str(tmp_path) in told


def test_a_withheld_checkpoint_says_why_instead_of_a_command(tmp_path: Path) -> None:
    told = folder(tmp_path).unavailable("sam3")
    assert "agreed to its licence" in told
    assert "models pull" not in told


def test_non_commercial_weights_are_blocked_until_the_policy_is_research(tmp_path: Path) -> None:
    matte = checkpoint("vitmatte-small-composition-1k")
    (tmp_path / matte.file).touch()
    blocked = folder(tmp_path).unavailable(matte.name)
    assert 'policy = "research"' in blocked
    assert "Composition-1k" in blocked
    with pytest.raises(UnavailableError, match="commercial work"):
        folder(tmp_path).verified(matte.name)
    assert folder(tmp_path, policy="research").unavailable(matte.name) == ""


def test_the_stricter_of_settings_and_policy_file_wins(tmp_path: Path) -> None:
    matte = "vitmatte-small-composition-1k"
    (tmp_path / "policy.toml").write_text('policy = "research"\nforbid_licences = ["apache-2.0"]\n')
    assert "commercial work" in folder(tmp_path, forbid_licences=()).policy.objection(checkpoint("matanyone2").terms)
    assert "forbids the licence apache-2.0" in folder(tmp_path, policy="research").unavailable(matte)
    (tmp_path / "policy.toml").write_text('policy = "commercial"\n')
    told = folder(tmp_path, policy="research").unavailable(matte)
    assert str(tmp_path / "policy.toml") in told
    told = folder(tmp_path, policy="research", forbid_licences=("MIT",)).unavailable("xmem")
    assert "forbids the licence MIT" in told


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('policy = "free"', '"free": write "commercial" or "research"'),
        ('polcy = "research"', "knows no 'polcy'"),
        ("policy = 3", "give text"),
        ('forbid_licences = "MIT"', "give a list of texts"),
        ("forbid_licences = [3]", "give a list of texts"),
        ("policy", "is not TOML"),
    ],
)
def test_a_policy_file_that_cannot_be_followed_stops_everything(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(text)
    with pytest.raises(ConfigError, match=rf"policy\.toml.*{why}"):
        folder(tmp_path)


def test_a_setting_that_is_no_policy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='"Commercial": write "commercial"'):
        folder(tmp_path, policy="Commercial")


def test_a_file_that_is_not_the_published_one_is_never_handed_out(tmp_path: Path) -> None:
    (tmp_path / TINY.file).write_bytes(b"something else")
    with pytest.raises(WeightsError, match=rf"not {TINY.sha256}.*models pull {TINY.name}"):
        folder(tmp_path).verified(TINY.name)


def test_a_file_without_published_sum_is_held_to_the_sum_it_had_when_it_was_verified(tmp_path: Path) -> None:
    models, xmem = folder(tmp_path), checkpoint("xmem")
    (tmp_path / xmem.file).write_bytes(b"weights")
    assert models.verified("xmem") == tmp_path / xmem.file
    assert "unverified" in models.weights("xmem")
    assert models.settle(xmem, models.file(xmem)).startswith("unverified")
    sums = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert sums.stdout == f"{xmem.file}: OK\n"
    begin = hashlib.sha256(b"weights").hexdigest()[:12]
    assert models.weights("xmem") == f"XMem.pth {begin} (MIT, commercial use: ask)"
    (tmp_path / xmem.file).write_bytes(b"turned!")
    with pytest.raises(WeightsError, match=begin):
        models.verified("xmem")


def test_exports_name_weights_by_file_sum_and_licence(tmp_path: Path) -> None:
    assert folder(tmp_path).weights(TINY.name) == f"{TINY.file} {TINY.sha256[:12]} (Apache-2.0)"


def test_checkpoints_and_the_registry_need_no_torch() -> None:
    code = "import roto_daemon.checkpoints, roto_daemon.engines.registry, sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
