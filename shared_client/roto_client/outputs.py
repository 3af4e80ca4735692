"""Where results are written: checked before the work begins, whole or not at all when it is done."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from roto_client.errors import BadInputError, OutputFileError
from roto_shapes import files
from roto_shapes.files import AnyPath, make_folder_ready, whole_file
from roto_shapes.formats import export
from roto_shapes.shape import Roto

_OBJECT_SIGN = "{object}"
_UNFIT_FOR_FILES = re.compile(r"[^\w.-]+")


def frame_file(pattern: str, frame: int) -> Path:
    """Return the file of a frame, see `roto_shapes.files.frame_file`. Raises BadInputError."""
    try:
        return files.frame_file(pattern, frame)
    except ValueError as error:
        raise BadInputError(f"{error}.") from error


def object_patterns(pattern: str, names: Sequence[str]) -> list[str]:
    """Return a pattern for each object with its name where `{object}` stands; one for all where it does not."""
    if _OBJECT_SIGN not in pattern:
        return [pattern]
    return [pattern.replace(_OBJECT_SIGN, each) for each in names_for_files(names)]


def names_for_files(names: Sequence[str]) -> list[str]:
    """Return names that are fit for files and folders, each unlike the others in any case."""
    made: list[str] = []
    taken: set[str] = set()
    for name in names:
        stem = _UNFIT_FOR_FILES.sub("_", name).strip("_.") or "object"
        fit, number = stem, 2
        while fit.lower() in taken:
            fit, number = f"{stem}_{number}", number + 1
        taken.add(fit.lower())
        made.append(fit)
    return made


def require_ending(path: str, endings: Iterable[str]) -> None:
    """Raise BadInputError unless a path ends in one of these, in any case."""
    known = tuple(endings)
    if not path.lower().endswith(known) or Path(path).name.lower() in known:
        raise BadInputError(f"'{path}' must end in {' or '.join(known)}: the ending tells the format.")


def require_place(path: AnyPath) -> None:
    """Raise OutputFileError when a file cannot be written at a path; folders that are missing can be made later."""
    place = Path(path).resolve()
    if place.is_dir():
        raise OutputFileError(f"'{path}' is a folder: give the name of a file in it.")
    folder = place.parent
    while not os.path.lexists(folder):
        folder = folder.parent
    if not folder.is_dir():
        raise OutputFileError(f"'{path}' cannot be written: '{folder}' is no folder.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputFileError(f"'{path}' cannot be written: you may not write into '{folder}'.")


def make_ready(paths: Iterable[AnyPath]) -> None:
    """Make the folders of files to come, and try that a file can be made in each. Raises OutputFileError."""
    for path in paths:
        _make_folder_ready(path)


def _make_folder_ready(path: AnyPath) -> None:
    try:
        make_folder_ready(path)
    except OSError as error:
        raise OutputFileError(_sentence(path, error)) from error


def write_pieces(path: AnyPath, pieces: Iterable[bytes]) -> None:
    """Write a file whole or not at all, with the folders that it needs. Raises OutputFileError."""
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            for piece in pieces:
                file.write(piece)
    except OSError as error:
        raise OutputFileError(_sentence(path, error)) from error


def write_shapes(roto: Roto, paths: Sequence[str]) -> list[str]:
    """Write a roto to files in the format of each one's ending; return what the artist should know about them.

    No file is written unless every format can hold the shapes. Raises BadInputError and OutputFileError.
    """
    try:
        exports = [export(roto, path) for path in paths]
    except ValueError as error:
        raise BadInputError(f"The shapes cannot be written: {error}.") from error
    for path, made in zip(paths, exports):
        write_pieces(path, [made.text.encode()])
    return [f"{path}: {note}" for path, made in zip(paths, exports) for note in made.notes]


def _sentence(path: AnyPath, error: OSError) -> str:
    """Return the error's own sentence where it has one, else one made of the system's words."""
    if error.errno is None:
        return f"{error}."
    return f"'{os.fspath(path)}' cannot be written: {error.strerror}; check the folder's permissions and free space."
