"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Union

_FRAME_SIGN = re.compile(r"#+|@+|%(?:0?(?P<percent>\d+))?d|\$F(?P<dollar>\d*)")

AnyPath = Union[str, "os.PathLike[str]"]


def frame_file(pattern: str, frame: int) -> Path:
    """Return the file of a frame: `####` and `@@@@` by their length, `%04d` and `$F4` by their number of digits.

    Raises ValueError with a sentence for the user unless exactly one of these stands in the file's name.
    """
    folder, name = os.path.split(pattern)
    signs = list(_FRAME_SIGN.finditer(name))
    if len(signs) != 1:
        message = f"'{pattern}' must say once where the frame number goes, for example matte.####.exr"
        raise ValueError(message)
    sign = signs[0]
    digits = sign["percent"] or sign["dollar"] or (str(len(sign[0])) if sign[0][0] in "#@" else "1")
    return Path(folder, f"{name[: sign.start()]}{frame:0{int(digits)}d}{name[sign.end() :]}")


def read_text(path: AnyPath, most_bytes: int) -> str:
    """Return a text file in UTF-8, without its byte order mark. Raises ValueError with a sentence for the user."""
    try:
        return read_whole(path, most_bytes).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"'{os.fspath(path)}' is no text in UTF-8 (byte {error.start}): save it again as one"
        raise ValueError(message) from error


def read_whole(path: AnyPath, most_bytes: int) -> bytes:
    """Return a file's bytes. Raises ValueError with a sentence for the user."""
    try:
        if Path(path).stat().st_size > most_bytes:
            message = f"'{os.fspath(path)}' is larger than {most_bytes // 1_000_000} MB: give a file with fewer shapes"
            raise ValueError(message)
        return Path(path).read_bytes()
    except OSError as error:
        message = f"'{os.fspath(path)}' cannot be read: {error.strerror}"
        raise ValueError(message) from error


def write_whole(path: AnyPath, data: bytes) -> None:
    """Write a file in one step: whoever looks sees the old file or the whole new one. Raises as `whole_file`."""
    with whole_file(path) as file:
        file.write(data)


@contextmanager
def whole_file(path: AnyPath) -> Iterator[BinaryIO]:
    """Yield a binary file that takes its place at `path` when the block ends, and vanishes when the block raises.

    Until then it stands beside its place under a hidden name that ends in `.part`. A file that was there is replaced
    and lends its permissions; a link stays a link and its target is replaced. Raises OSError with a sentence for the
    user when the folder is missing, when `path` is a folder or a device, or when no file can be made there.
    """
    place = Path(os.path.realpath(path))
    _require_place(place)
    # Random, so that two writers of one path never share it, and short where the name is as long as names can be.
    part = place.with_name(f".rotolink-{secrets.token_hex(8)}.part")
    file = _create(part, place)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _take_place(part, place)
    except BaseException:
        # Failing to tidy up must not hide what went wrong.
        with suppress(OSError):
            part.unlink()
        raise


def make_folder_ready(path: AnyPath) -> None:
    """Make the folder that a file is to stand in, and try that a file can be made there. Raises OSError."""
    folder = Path(path).resolve().parent
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def _require_place(place: Path) -> None:
    if not place.parent.is_dir():
        message = f"'{place}' cannot be written: there is no folder '{place.parent}'; create it first"
        raise FileNotFoundError(message)
    if place.is_dir():
        message = f"'{place}' cannot be written: it is a folder; give the name of a file in it"
        raise IsADirectoryError(message)
    if place.exists() and not place.is_file():
        message = f"'{place}' cannot be written: it is no ordinary file; give another path"
        raise OSError(message)


def _create(part: Path, place: Path) -> BinaryIO:
    # os.open, not tempfile: the system then gives a new file the permissions that the user's other files have.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        return os.fdopen(os.open(part, flags, 0o666), "wb")
    except OSError as error:
        message = f"'{place}' cannot be written: {error.strerror}; check the folder's permissions and free space"
        raise type(error)(message) from error


def _take_place(part: Path, place: Path) -> None:
    try:
        if place.exists():
            part.chmod(stat.S_IMODE(place.stat().st_mode))
        part.replace(place)
    except OSError as error:
        message = f"'{place}' cannot be replaced: {error.strerror}; close it in other programs and try again"
        raise type(error)(message) from error
