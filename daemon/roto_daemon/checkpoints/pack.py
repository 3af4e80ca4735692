"""Packs: checkpoints in one tar file, for machines without internet.

The first member is `rotolink-pack.json`, which names the others with their sizes and sums; nothing else may be inside.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from roto_daemon.checkpoints.fetch import Tell, require_allowed, require_room
from roto_daemon.checkpoints.folder import ModelsFolder
from roto_daemon.checkpoints.table import CHECKPOINTS, Checkpoint
from roto_daemon.errors import UnavailableError, WeightsError, writing
from roto_shapes.files import whole_file

_MANIFEST = "rotolink-pack.json"
_FORMAT, _VERSION = "rotolink.models", 1
_MANIFEST_LIMIT_BYTES = 1 << 20
_PIECE_BYTES = 1 << 20
_QUOTED = 80
"""So many letters of an unknown entry stand in a sentence."""
_STAGING_STEM = ".installing-"


@dataclass(frozen=True)
class _Entry:
    """A checkpoint in a pack."""

    wanted: Checkpoint
    size_bytes: int
    sha256: str


def write_pack(models: ModelsFolder, wanted: Sequence[Checkpoint], out: Path, tell: Tell) -> None:
    """Put checkpoints that are here and intact into a pack, whole or not at all.

    Raises UnavailableError for one that is not here or that the policy forbids, WeightsError for one that is not what
    was published, OutputError.
    """
    entries = []
    for each in wanted:
        refusal = models.unavailable(each.name)
        if refusal:
            raise UnavailableError(f"'{each.name}' cannot be packed: {refusal}")
        sha256 = models.require_intact(each)
        entries.append(_Entry(each, models.file(each).stat().st_size, sha256))
    manifest = json.dumps({"format": _FORMAT, "version": _VERSION, "files": [_facts(each) for each in entries]})
    total = sum(each.size_bytes for each in entries)
    with writing(out), whole_file(out) as stream, tarfile.open(fileobj=stream, mode="w") as pack:
        pack.addfile(_member(_MANIFEST, len(manifest)), io.BytesIO(manifest.encode("ascii")))
        done = 0
        for entry in entries:
            with models.file(entry.wanted).open("rb") as content:
                pack.addfile(_member(entry.wanted.file, entry.size_bytes), content)
            done += entry.size_bytes
            tell(done, total)


def install_pack(models: ModelsFolder, source: Path, tell: Tell) -> dict[str, str]:
    """Put the checkpoints of a pack into the folder; return in words how far each was verified, by its name.

    Nothing takes its place before everything is unpacked beside it and verified. The folder's lock is held. Raises
    WeightsError for a file that is no whole pack, or holds what no pack may or what was not published,
    UnavailableError where licence or publisher forbid a checkpoint, OutputError.
    """
    _clear_staging(models.path)
    try:
        stream = source.open("rb")
    except OSError as error:
        raise WeightsError(f"The pack '{source}' cannot be read: {error.strerror}.") from error
    with stream, writing(models.path), tempfile.TemporaryDirectory(prefix=_STAGING_STEM, dir=models.path) as folder:
        try:
            entries = _unpack(stream, models, Path(folder), tell)
        except (tarfile.TarError, EOFError, RecursionError, ValueError) as error:
            raise WeightsError(f"'{source}' is no whole pack: {error}. Copy it again.") from error
        for each in entries:
            models.judge(each.wanted, Path(folder, each.wanted.file))
        return {each.wanted.name: models.settle(each.wanted, Path(folder, each.wanted.file)) for each in entries}


def _unpack(stream: BinaryIO, models: ModelsFolder, folder: Path, tell: Tell) -> list[_Entry]:
    """Unpack what the pack's list names, and nothing else; ValueError says what is wrong with it."""
    with tarfile.open(fileobj=stream, mode="r:") as pack:
        members = iter(pack)
        entries = _read_manifest(pack, next(members, None))
        for each in entries.values():
            require_allowed(models, each.wanted)
        total = sum(each.size_bytes for each in entries.values())
        require_room(models.path, total)
        done = 0
        waiting = dict(entries)
        for member in members:
            entry = waiting.pop(member.name, None)
            if entry is None or not _is_plain(member) or member.size != entry.size_bytes:
                raise ValueError(f"it holds '{member.name}', which its list does not name so")
            _copy(_content(pack, member), folder / entry.wanted.file, entry)
            done += entry.size_bytes
            tell(done, total)
    if waiting:
        raise ValueError(f"'{next(iter(waiting))}' is missing")
    return list(entries.values())


def _read_manifest(pack: tarfile.TarFile, member: tarfile.TarInfo | None) -> dict[str, _Entry]:
    if member is None or member.name != _MANIFEST or not _is_plain(member) or member.size > _MANIFEST_LIMIT_BYTES:
        raise ValueError("it does not begin with the list of a pack")
    told = json.loads(_content(pack, member).read())
    if not isinstance(told, dict) or told.get("format") != _FORMAT or told.get("version") != _VERSION:
        raise ValueError("its list is of another kind or of a newer Rotolink")
    listed = told["files"] if isinstance(told.get("files"), list) else [told.get("files")]
    known = {each.name: each for each in CHECKPOINTS}
    entries = {}
    for each in listed:
        entry = _read_entry(each, known)
        if entry is None or entry.wanted.file in entries:
            raise ValueError(f"its list names what this Rotolink does not know: {str(each)[:_QUOTED]}")
        entries[entry.wanted.file] = entry
    return entries


def _read_entry(told: Any, known: dict[str, Checkpoint]) -> _Entry | None:  # noqa: ANN401 - what JSON may hold
    if not isinstance(told, dict):
        return None
    wanted = known.get(str(told.get("name")))
    size, sha256 = told.get("size_bytes"), told.get("sha256")
    if wanted is None or not isinstance(sha256, str) or type(size) is not int:
        return None
    return _Entry(wanted, size, sha256) if size >= 0 else None


def _is_plain(member: tarfile.TarInfo) -> bool:
    """Return whether a member is an ordinary file: no link, device, folder, or file with holes."""
    return member.type in {tarfile.REGTYPE, tarfile.AREGTYPE} and not member.issparse()


def _content(pack: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = pack.extractfile(member)
    if content is None:
        raise ValueError(f"'{member.name}' has no content")
    return content


def _copy(content: IO[bytes], place: Path, entry: _Entry) -> None:
    found = hashlib.sha256()
    with place.open("xb") as file:
        while piece := content.read(_PIECE_BYTES):
            found.update(piece)
            file.write(piece)
    if found.hexdigest() != entry.sha256:
        raise ValueError(f"'{entry.wanted.file}' in it is damaged")


def _clear_staging(folder: Path) -> None:
    """Take away what an install left that was killed."""
    for left in folder.glob(f"{_STAGING_STEM}*"):
        shutil.rmtree(left, ignore_errors=True)


def _facts(entry: _Entry) -> dict[str, object]:
    return {
        "name": entry.wanted.name,
        "file": entry.wanted.file,
        "size_bytes": entry.size_bytes,
        "sha256": entry.sha256,
        "licence": entry.wanted.terms.licence,
    }


def _member(name: str, size: int) -> tarfile.TarInfo:
    """Return a header without owner and time, so that the same files always make the same pack."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member
