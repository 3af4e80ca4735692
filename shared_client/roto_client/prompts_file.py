"""What is pointed at, as a JSON file: for the objects of one plate, or for those of each shot of an edit.

    {"objects": {"hero": {"click": ["1001:640,400"], "exclude": ["1001:300,200"], "box": ["1020:600,300,700,500"]}}}
    {"shots": {"sh010": {"objects": {…}, "plate": "/plates/sh010.####.exr", "frames": "1001-1050"}}}

Places are written as on the command line. docs/reference/cli.md tells more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional, TypeVar

import typer

from roto_client import arguments
from roto_client.errors import BadInputError
from roto_client.tracking import ObjectPrompts
from roto_shapes.shot import FrameRange

_LARGEST_BYTES = 16 << 20
_ONE_OBJECT = frozenset({"click", "exclude", "box"})
_ONE_SHOT = frozenset({"objects", "plate", "frames", "first_frame"})

Value = TypeVar("Value")


@dataclass(frozen=True)
class ShotPrompts:
    """What is pointed at in a shot."""

    objects: tuple[ObjectPrompts, ...]
    plate: str = ""
    """Another plate than the edit's."""
    frames: Optional[FrameRange] = None
    """Other frames than the cut's."""
    first_frame: Optional[int] = None
    """With another plate that is a movie: the number of its first frame."""


def read_objects(path: str) -> tuple[ObjectPrompts, ...]:
    """Return the objects of a file for one plate; raises BadInputError."""
    content = _read(path)
    _require_keys(content, {"objects"}, path)
    if "objects" not in content:
        raise BadInputError(f"'{path}' has no \"objects\": write what is pointed at for each, by name.")
    return _objects(content["objects"], f"{path}: objects")


def read_shot_prompts(path: str) -> dict[str, ShotPrompts]:
    """Return what is pointed at in each shot, by the shots' names; raises BadInputError."""
    content = _read(path)
    _require_keys(content, {"shots"}, path)
    if "shots" not in content:
        raise BadInputError(
            f"'{path}' has no \"shots\": write the objects of each, by the names that roto shots lists."
        )
    shots = _table(content["shots"], f"{path}: shots")
    return {name: _shot(value, f"{path}: {name}") for name, value in shots.items()}


def _read(path: str) -> Mapping[str, object]:
    try:
        if Path(path).stat().st_size > _LARGEST_BYTES:
            raise BadInputError(f"'{path}' is larger than a file of prompts may be ({_LARGEST_BYTES >> 20} MiB).")
        content = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadInputError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"'{path}' is no JSON that can be read: {error}.") from error
    return _table(content, path)


def _shot(value: object, where: str) -> ShotPrompts:
    content = _table(value, where)
    _require_keys(content, _ONE_SHOT, where)
    if "objects" not in content:
        raise BadInputError(f'{where} has no "objects": write what is pointed at for each, by name.')
    frames = content.get("frames")
    return ShotPrompts(
        _objects(content["objects"], where),
        _text(content.get("plate", ""), where),
        None if frames is None else _parsed(arguments.frame_range, frames, where),
        _frame(content.get("first_frame"), where),
    )


def _objects(value: object, where: str) -> tuple[ObjectPrompts, ...]:
    objects = _table(value, where)
    if not objects:
        raise BadInputError(f"{where} names no object: point at one.")
    return tuple(_object(name, each, f"{where}: {name}") for name, each in objects.items())


def _object(name: str, value: object, where: str) -> ObjectPrompts:
    content = _table(value, where)
    _require_keys(content, _ONE_OBJECT, where)
    if not name.strip():
        raise BadInputError(f"{where}: an object needs a name, after which shapes are named.")
    clicks = [_parsed(arguments.click, each, where) for each in _list(content.get("click", []), where)]
    excludes = [_parsed(arguments.click, each, where) for each in _list(content.get("exclude", []), where)]
    boxes = [_parsed(arguments.box, each, where) for each in _list(content.get("box", []), where)]
    try:
        return ObjectPrompts(name, arguments.gathered_prompts(clicks, excludes, boxes))
    except typer.BadParameter as error:
        raise BadInputError(f"{where}: {error.message}") from error


def _parsed(parse: Callable[[str], Value], value: object, where: str) -> Value:
    try:
        return parse(_text(value, where))
    except typer.BadParameter as error:
        raise BadInputError(f"{where}: {error.message}") from error


def _table(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise BadInputError(f"{where} must be an object of JSON, in braces.")
    return value


def _list(value: object, where: str) -> list[object]:
    if not isinstance(value, list):
        raise BadInputError(f"{where}: write places as a list, in brackets.")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise BadInputError(f"{where}: {json.dumps(value)[:40]} must be a text, in quotes.")
    return value


def _frame(value: object, where: str) -> Optional[int]:
    if value is not None and type(value) is not int:
        raise BadInputError(f"{where}: {json.dumps(value)[:40]} is no frame: write a whole number.")
    return value


def _require_keys(content: Mapping[str, object], known: frozenset[str] | set[str], where: str) -> None:
    for key in content:
        if key not in known:
            raise BadInputError(f'{where}: "{key}" is not known here; write {", ".join(sorted(known))}.')
