"""What is typed on the command line, read into values; what cannot be read ends with one sentence and exit code 2."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, NoReturn, Optional

import typer

from roto_client.errors import BadInputError
from roto_client.outputs import frame_file, require_ending
from roto_client.session import MATTE_ENDINGS, PACKED_ENDING
from roto_client.tracking import PREVIEW_ENDINGS, REPORT_ENDINGS, Words
from roto_client.transport import split_address
from roto_shapes.fit_options import frames_named, parts_named
from roto_shapes.formats import ENDINGS
from roto_shapes.prompt import BoxPrompt, PointPrompt, Prompt
from roto_shapes.shot import FrameRange

PROJECT_ENDING = ".aep"
"""Of projects of After Effects, which `roto_client.aep` writes and reads."""

LARGEST_FRAME = 2**31 - 1
_LARGEST_TOLERANCE_PX = 1000.0
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)"
_CLICK = re.compile(rf"(?P<frame>-?\d+):(?P<x>{_NUMBER}),(?P<y>{_NUMBER})")
_BOX = re.compile(rf"(?P<frame>-?\d+):(?P<x0>{_NUMBER}),(?P<y0>{_NUMBER}),(?P<x1>{_NUMBER}),(?P<y1>{_NUMBER})")
_WORDS = re.compile(r"(?!-?\d+:\s*$)(?:(?P<frame>-?\d+):)?\s*(?P<words>\S.*)")


class Click(NamedTuple):
    """A place on a frame."""

    frame: int
    x: float
    y: float


class Box(NamedTuple):
    """A rectangle on a frame."""

    frame: int
    box: BoxPrompt


def click(text: str) -> Click:
    """Return what `1001:640,400` says."""
    found = _CLICK.fullmatch(text.strip())
    if found is None:
        _refuse(f"'{text}' is not a place: write FRAME:X,Y, for example 1001:640,400")
    return Click(_frame(found["frame"]), float(found["x"]), float(found["y"]))


def box(text: str) -> Box:
    """Return what `1001:600,300,700,500` says."""
    found = _BOX.fullmatch(text.strip())
    if found is None:
        _refuse(f"'{text}' is not a box: write FRAME:LEFT,TOP,RIGHT,BOTTOM, for example 1001:600,300,700,500")
    try:
        return Box(_frame(found["frame"]), BoxPrompt(*(float(found[edge]) for edge in ("x0", "y0", "x1", "y1"))))
    except ValueError as error:
        _refuse(str(error))


def words(text: str) -> Words:
    """Return what `red car` or `1001:red car` says."""
    found = _WORDS.fullmatch(sendable(text).strip())
    if found is None:
        _refuse(f"'{text}' says nothing to find: write WORDS or FRAME:WORDS, for example 1001:red car")
    return Words(found["words"], _frame(found["frame"]) if found["frame"] else None)


def frame_range(text: str) -> FrameRange:
    """Return what `1001-1100` or `1001` says."""
    try:
        frames = FrameRange.parse(text)
    except ValueError as error:
        _refuse(str(error))
    _frame(str(frames.first))
    _frame(str(frames.last))
    return frames


def frame_list(text: str) -> tuple[int, ...]:
    """Return what `1001,1010` says; nothing names no frame."""
    try:
        frames = frames_named(text)
    except ValueError as error:
        _refuse(str(error))
    return tuple(_frame(str(frame)) for frame in frames)


def parts(text: str) -> Optional[int]:
    """Return a number of parts; None for `auto`."""
    try:
        return parts_named(text)
    except ValueError as error:
        _refuse(str(error))


def sendable(text: str) -> str:
    """Return a text that can travel: the system hands on names that are not UTF-8 in a form that cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        _refuse(f"{text!a} holds characters that are not UTF-8: rename it")
    return text


def ocio_config(text: str) -> str:
    """Return an OCIO configuration's file as the daemon finds it; the built-in ones have names of their own."""
    return text if not text or text.startswith("ocio://") else str(Path(sendable(text)).absolute())


def tolerance_px(text: str) -> float:
    """Return a distance in pixels that a shape can keep."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number <= _LARGEST_TOLERANCE_PX:
        _refuse(f"'{text}' is no distance in pixels: give a number above 0 and up to {_LARGEST_TOLERANCE_PX:g}")
    return number


def address(text: str) -> str:
    """Return an address that can be one."""
    try:
        split_address(text)
    except BadInputError as error:
        _refuse(str(error))
    return text


def shapes_file(path: str) -> str:
    """Return the path of a file of shapes to write."""
    return _with_ending(path, ENDINGS)


def converted_file(path: str) -> str:
    """Return the path of a file of shapes to write, a project of After Effects too."""
    return _with_ending(path, (*ENDINGS, PROJECT_ENDING))


def movie_file(path: str) -> str:
    """Return the path of a movie to write."""
    return _with_ending(path, PREVIEW_ENDINGS)


def picture_file(path: str) -> str:
    """Return the path of a picture to write."""
    return _with_ending(path, (".png",))


def report_file(path: str) -> str:
    """Return the path of a report to write."""
    return _with_ending(path, REPORT_ENDINGS)


def mattes_pattern(pattern: str) -> str:
    """Return the pattern of mattes to write."""
    return _with_ending(_with_frame(pattern), MATTE_ENDINGS)


def objects_pattern(pattern: str) -> str:
    """Return the pattern of EXR files that hold several objects each."""
    return _with_ending(_with_frame(pattern), (PACKED_ENDING,))


def _with_frame(pattern: str) -> str:
    try:
        frame_file(pattern, 0)
    except BadInputError as error:
        _refuse(str(error))
    return pattern


def gathered_prompts(
    clicks: Iterable[Click], excludes: Iterable[Click], boxes: Sequence[Box], text: Optional[Words] = None
) -> tuple[Prompt, ...]:
    """Return all that is pointed at, one prompt a frame, by rising frame; where words are given they may be all."""
    prompts: dict[int, Prompt] = {}
    for frame, rectangle in boxes:
        if frame in prompts:
            _refuse(f"frame {frame} has two boxes: give one")
        prompts[frame] = Prompt(frame, box=rectangle)
    for places, foreground in ((clicks, True), (excludes, False)):
        for frame, x, y in places:
            before = prompts.get(frame, Prompt(frame))
            prompts[frame] = replace(before, points=(*before.points, PointPrompt(x, y, foreground)))
    states = [prompt.box or any(point.foreground for point in prompt.points) for prompt in prompts.values()]
    if not text and not any(states):
        _refuse("point at the object: give --click FRAME:X,Y, --box FRAME:X0,Y0,X1,Y1 or --text WORDS")
    return tuple(prompt for _, prompt in sorted(prompts.items()))


def _with_ending(path: str, endings: Iterable[str]) -> str:
    try:
        require_ending(path, endings)
    except BadInputError as error:
        _refuse(str(error))
    return path


def _frame(text: str) -> int:
    frame = int(text)
    if abs(frame) > LARGEST_FRAME:
        _refuse(f"frame {frame} is beyond what a shot can count")
    return frame


def _refuse(why: str) -> NoReturn:
    raise typer.BadParameter(why if why.endswith(".") else f"{why}.")
