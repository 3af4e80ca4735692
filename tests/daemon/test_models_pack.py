"""Packs of checkpoints: there and back, and what somebody else may have put into one."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roto_daemon.checkpoints import ModelsFolder, checkpoint
from roto_daemon.checkpoints.pack import install_pack, write_pack
from roto_daemon.config import Config
from roto_daemon.errors import OutputError, UnavailableError, WeightsError

XMEM, S012 = checkpoint("xmem"), checkpoint("xmem-s012")
CONTENTS = {each.file: np.random.default_rng(n).bytes(2_500_000 + n) for n, each in enumerate((XMEM, S012))}


def folder(path: Path, **settings: tuple[str, ...]) -> ModelsFolder:
    path.mkdir(exist_ok=True)
    return ModelsFolder.of(Config(models_dir=str(path), **settings))  # type: ignore[arg-type]


@pytest.fixture
def source(tmp_path: Path) -> ModelsFolder:
    models = folder(tmp_path / "source")
    for file, content in CONTENTS.items():
        (models.path / file).write_bytes(content)
    return models


@pytest.fixture
def target(tmp_path: Path) -> ModelsFolder:
    return folder(tmp_path / "target")


def quiet(done: int, total: int | None) -> None:
    assert total is None or 0 <= done <= total


def install(models: ModelsFolder, pack: Path) -> dict[str, str]:
    with models.locked():
        return install_pack(models, pack, quiet)


def files(models: ModelsFolder) -> set[str]:
    return {each.name for each in models.path.iterdir()} - {".lock"}


def entry(name: str, content: bytes) -> dict[str, Any]:
    return {
        "name": name,
        "file": checkpoint(name).file,
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def manifest(*entries: dict[str, Any], **changes: object) -> bytes:
    return json.dumps({"format": "rotolink.models", "version": 1, "files": entries, **changes}).encode()


def plain(name: str, content: bytes = b"") -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    return member, content


def special(name: str, kind: bytes, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member, b""


def tar(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w") as pack:
        for member, content in members:
            pack.addfile(member, io.BytesIO(content))
    return path


def test_what_is_packed_comes_out_the_same_on_another_machine(
    source: ModelsFolder, target: ModelsFolder, tmp_path: Path
) -> None:
    write_pack(source, [XMEM, S012], tmp_path / "pack.tar", quiet)
    words = install(target, tmp_path / "pack.tar")
    assert list(words) == ["xmem", "xmem-s012"]
    for file, content in CONTENTS.items():
        assert (target.path / file).read_bytes() == content
        assert target.sums()[file] == hashlib.sha256(content).hexdigest()
    assert files(target) == {*CONTENTS, "SHA256SUMS"}
    assert list(install(target, tmp_path / "pack.tar")) == list(words)


def test_the_same_files_make_the_same_pack(source: ModelsFolder, tmp_path: Path) -> None:
    for name in ("one.tar", "two.tar"):
        write_pack(source, [XMEM, S012], tmp_path / name, quiet)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_only_what_is_here_allowed_and_intact_is_packed(source: ModelsFolder, tmp_path: Path) -> None:
    tiny, matte, out = checkpoint("sam2.1_hiera_tiny"), checkpoint("vitmatte-small-composition-1k"), tmp_path / "p.tar"
    with pytest.raises(UnavailableError, match=r"models pull sam2\.1_hiera_tiny"):
        write_pack(source, [XMEM, tiny], out, quiet)
    (source.path / tiny.file).write_bytes(b"changed")
    with pytest.raises(WeightsError, match="not the file that was published"):
        write_pack(source, [tiny], out, quiet)
    (source.path / matte.file).touch()
    with pytest.raises(UnavailableError, match="commercial"):
        write_pack(source, [matte], out, quiet)
    with pytest.raises(OutputError, match="no folder"):
        write_pack(source, [XMEM], tmp_path / "nowhere" / "p.tar", quiet)
    assert not out.exists()


GOOD = CONTENTS[XMEM.file]
LIST = plain("rotolink-pack.json", manifest(entry("xmem", GOOD)))
TWO = plain("rotolink-pack.json", manifest(entry("xmem", GOOD), entry("xmem-s012", b"second")))
EVIL = [
    [],
    [plain(XMEM.file, GOOD)],
    [plain("rotolink-pack.json", b"{")],
    [plain("rotolink-pack.json", b"[]")],
    [plain("rotolink-pack.json", b"\xff\xff")],
    [plain("rotolink-pack.json", b"[" * 100_000)],
    [plain("rotolink-pack.json", b" " * (2 << 20))],
    [plain("rotolink-pack.json", manifest(version=2))],
    [plain("rotolink-pack.json", manifest(files=[7]))],
    [plain("rotolink-pack.json", manifest(files=7))],
    [plain("rotolink-pack.json", manifest({**entry("xmem", GOOD), "file": "../../x"}))],
    [plain("rotolink-pack.json", manifest({**entry("xmem", GOOD), "name": "sam9"}))],
    [plain("rotolink-pack.json", manifest({**entry("xmem", GOOD), "size_bytes": -1}))],
    [plain("rotolink-pack.json", manifest({**entry("xmem", GOOD), "sha256": 7}))],
    [plain("rotolink-pack.json", manifest(entry("xmem", GOOD), entry("xmem", GOOD)))],
    [special("rotolink-pack.json", tarfile.SYMTYPE, "/etc/passwd")],
    [LIST],
    [LIST, plain(XMEM.file, GOOD[:-1])],
    [LIST, plain(XMEM.file, GOOD[:-1] + b"?")],
    [LIST, plain(XMEM.file, GOOD), plain(XMEM.file, GOOD)],
    [LIST, plain(XMEM.file, GOOD), plain("../evil", b"x")],
    [LIST, plain(XMEM.file, GOOD), plain("/evil", b"x")],
    [LIST, plain(XMEM.file, GOOD), plain("SHA256SUMS", b"x")],
    [LIST, plain(XMEM.file, GOOD), plain("policy.toml", b"x")],
    [LIST, special(XMEM.file, tarfile.SYMTYPE, "/etc/passwd")],
    [LIST, special(XMEM.file, tarfile.LNKTYPE, "rotolink-pack.json")],
    [LIST, special(XMEM.file, tarfile.CHRTYPE)],
    [LIST, special(XMEM.file, tarfile.FIFOTYPE)],
    [LIST, special(XMEM.file, tarfile.DIRTYPE)],
    [TWO, plain(XMEM.file, GOOD)],
    [TWO, plain(XMEM.file, GOOD), plain(S012.file, b"Second")],
]


@pytest.mark.parametrize("members", EVIL, ids=range(len(EVIL)))
def test_a_pack_that_is_not_exactly_what_its_list_says_installs_nothing(
    members: list[tuple[tarfile.TarInfo, bytes]], target: ModelsFolder, tmp_path: Path
) -> None:
    before = {each.name for each in tmp_path.iterdir()}
    with pytest.raises(WeightsError, match=r"pack\.tar' is no whole pack: .*\. Copy it again\."):
        install(target, tar(tmp_path / "pack.tar", *members))
    assert files(target) == set()
    assert {each.name for each in tmp_path.iterdir()} - before == {"pack.tar"}


def test_a_pack_cut_anywhere_installs_nothing(source: ModelsFolder, target: ModelsFolder, tmp_path: Path) -> None:
    pack = tmp_path / "pack.tar"
    write_pack(source, [XMEM, S012], pack, quiet)
    whole = pack.read_bytes()
    for length in (0, 1, 511, 512, 700, 1024, 2000, 1_000_000, 2_600_000, 4_000_000):
        pack.write_bytes(whole[:length])
        with pytest.raises(WeightsError, match="no whole pack"):
            install(target, pack)
    assert files(target) == set()


def test_a_published_sum_counts_more_than_what_a_pack_says(target: ModelsFolder, tmp_path: Path) -> None:
    forged = b"forged"
    both = manifest(entry("xmem", GOOD), entry("sam2.1_hiera_tiny", forged))
    tiny = checkpoint("sam2.1_hiera_tiny").file
    pack = tar(tmp_path / "p.tar", plain("rotolink-pack.json", both), plain(XMEM.file, GOOD), plain(tiny, forged))
    with pytest.raises(WeightsError, match="not the file that was published"):
        install(target, pack)
    assert files(target) == set()


def test_what_the_policy_forbids_is_not_installed(target: ModelsFolder, tmp_path: Path) -> None:
    strict = folder(target.path, forbid_licences=("MIT",))
    with pytest.raises(UnavailableError, match="forbids the licence MIT"):
        install(strict, tar(tmp_path / "p.tar", LIST, plain(XMEM.file, GOOD)))
    assert files(target) == set()


def test_what_an_install_left_that_was_killed_is_taken_away(target: ModelsFolder, tmp_path: Path) -> None:
    left = target.path / ".installing-x"
    left.mkdir()
    (left / XMEM.file).write_bytes(b"half")
    install(target, tar(tmp_path / "p.tar", LIST, plain(XMEM.file, GOOD)))
    assert files(target) == {XMEM.file, "SHA256SUMS"}


def test_no_pack_a_folder_and_a_compressed_one_are_told(target: ModelsFolder, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "p.tar.gz", "w:gz"):
        pass
    for path, why in [("gone.tar", "No such file"), ("", "cannot be read"), ("p.tar.gz", "no whole pack")]:
        with pytest.raises(WeightsError, match=why):
            install(target, tmp_path / path)
