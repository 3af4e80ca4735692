"""Nodes and what they give; a script's text."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Optional

from nuke_standin import raster
from nuke_standin.guard import Strict
from nuke_standin.knobs import (
    AColor_Knob,
    Array_Knob,
    BBox_Knob,
    Boolean_Knob,
    CurveKnob,
    Double_Knob,
    Enumeration_Knob,
    File_Knob,
    Format,
    Format_Knob,
    Int_Knob,
    Knob,
    String_Knob,
    user_knob_text,
)
from nuke_standin.pictures import Picture, blank, read_png, write_exr
from nuke_standin.program import program
from nuke_standin.words import written

_COLOURS = ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha")


class Node(Strict):
    _INPUTS: ClassVar[int] = 1
    _PICTURES: ClassVar[bool] = True

    def __init__(self) -> None:
        self._alive, self._locked = True, False
        self._parent: Optional[Group] = None
        self._inputs: list[Optional[Node]] = [None] * self._INPUTS
        self._knobs: dict[str, Knob] = {}
        for knob in (String_Knob("name"), String_Knob("label"), Int_Knob("xpos"), Int_Knob("ypos"),
                     Boolean_Knob("selected"), Boolean_Knob("disable"), *self._own_knobs()):  # fmt: skip
            self._hold(knob)

    def __getattribute__(self, name: str):  # type: ignore[no-untyped-def] # noqa: ANN204 - of any attribute
        if not name.startswith("_") and not object.__getattribute__(self, "_alive"):
            raise ValueError("A PythonObject is not attached to a node")
        return Strict.__getattribute__(self, name)

    def _own_knobs(self) -> Sequence[Knob]:
        return ()

    def _hold(self, knob: Knob) -> None:
        knob._node = self
        self._knobs[knob._name] = knob

    def _text_of(self, name: str) -> str:
        return self._knobs[name]._text()

    def _number(self, name: str, frame: Optional[float] = None) -> float:
        knob = self._knobs[name]
        assert isinstance(knob, Array_Knob)
        return knob._at(0, program().frame if frame is None else frame)

    def _is_on(self, name: str) -> bool:
        return self._text_of(name) == "true"

    def _name_knob(self) -> str:
        return self._text_of("name")

    def Class(self) -> str:
        return type(self).__name__

    def name(self) -> str:
        return self._name_knob()

    def fullName(self) -> str:
        above = self._parent
        return f"{above.fullName()}.{self._name_knob()}" if above and above._parent else self._name_knob()

    def setName(self, name: str, uncollide: bool = True, updateExpressions: bool = False) -> None:
        program().touch(self)
        self._rename(name)

    def _rename(self, name: str) -> None:
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise ValueError(f"{name!r} is no name of a node")
        assert self._parent is not None
        taken = {child._name_knob() for child in self._parent._children if child is not self}
        stem, number = re.fullmatch(r"(.*?)(\d*)", name).groups()  # type: ignore[union-attr] # always matches
        count = int(number or 0)
        while name in taken:
            count += 1
            name = f"{stem}{count}"
        self._knobs["name"]._read(name)

    def knob(self, p: str, follow_link: bool = True) -> Optional[Knob]:
        return self._knobs.get(p)

    def knobs(self) -> dict[str, Knob]:
        return dict(self._knobs)

    def __getitem__(self, name: str) -> Knob:
        if name not in self._knobs:
            raise NameError(f"knob {name} does not exist")
        return self._knobs[name]

    def addKnob(self, knob: Knob) -> None:
        program().touch(self)
        if knob._name in self._knobs:
            raise ValueError(f"{self._name_knob()} has a knob {knob._name} already")
        knob._user = True
        self._hold(knob)

    def removeKnob(self, knob: Knob) -> None:
        program().touch(self)
        del self._knobs[knob._name]

    def input(self, index: int) -> Optional[Node]:
        return self._inputs[index] if index < len(self._inputs) else None

    def inputs(self) -> int:
        return max((k + 1 for k, node in enumerate(self._inputs) if node), default=0)

    def maxInputs(self) -> int:
        return self._INPUTS

    def minInputs(self) -> int:
        return min(self._INPUTS, 1)

    def setInput(self, i: int, node: Optional[Node]) -> bool:
        program().touch(self)
        if i >= self._INPUTS:
            return False
        self._inputs[i] = node
        return True

    def parent(self) -> Optional[Group]:
        return self._parent

    def locked(self) -> bool:
        return self._locked

    def isSelected(self) -> bool:
        return self._is_on("selected")

    def setSelected(self, selected: bool) -> None:
        self._knobs["selected"]._read(str(bool(selected)).lower())

    def xpos(self) -> int:
        return int(self._number("xpos"))

    def ypos(self) -> int:
        return int(self._number("ypos"))

    def setXYpos(self, x: int, y: int) -> None:
        program().touch(self)
        self._knobs["xpos"]._read(str(int(x)))
        self._knobs["ypos"]._read(str(int(y)))

    def screenHeight(self) -> int:
        return 18

    def screenWidth(self) -> int:
        return 80

    def showControlPanel(self, forceFloat: bool = False) -> None:
        """Open the node's panel."""

    def format(self) -> Format:
        return self._format()

    def width(self) -> int:
        """Return the width; of the proxy in proxy mode, as in Nuke."""
        return self._format().width() // (2 if program().root._is_on("proxy") else 1)

    def height(self) -> int:
        return self._format().height() // (2 if program().root._is_on("proxy") else 1)

    def pixelAspect(self) -> float:
        return self._format().pixelAspect()

    def channels(self) -> list[str]:
        return list(_COLOURS) if self._PICTURES else []

    def firstFrame(self) -> int:
        above = self._inputs[0] if self._inputs else None
        return above.firstFrame() if above else program().root.firstFrame()

    def lastFrame(self) -> int:
        above = self._inputs[0] if self._inputs else None
        return above.lastFrame() if above else program().root.lastFrame()

    def sample(self, channel: str, x: float, y: float, dx: float = 1, dy: float = 1) -> float:
        """Return a pixel of the present frame; outside the box Nuke raises, as measured."""
        picture = self._picture(program().frame)
        left, bottom, right, top = picture.box
        if not (left <= x < right and bottom <= y < top):
            raise RuntimeError("outside the bounding box")
        return picture.channels[channel][int(y)][int(x)]

    def hasError(self) -> bool:
        return False

    def writeKnobs(self, flags: int = 0) -> str:
        return "\n".join(self._lines())

    def _format(self) -> Format:
        above = self._inputs[0] if self._inputs else None
        if above is not None:
            return above._format()
        found = program().root._knobs["format"]
        assert isinstance(found, Format_Knob)
        assert found._value is not None
        return found._value

    def _picture(self, frame: float) -> Picture:
        """Return what the node gives on a frame; RuntimeError where Nuke shows an error."""
        above = self._inputs[0] if self._inputs else None
        if above is None:
            width, height = self._format().width(), self._format().height()
            black = {name: blank(width, height) for name in _COLOURS}
            return Picture(width, height, self._format().pixelAspect(), channels=black)
        return above._picture(frame)

    def _passed(self, frame: float) -> Optional[Picture]:
        return Node._picture(self, frame) if self._is_on("disable") else None

    def _lines(self) -> Iterator[str]:
        fresh = type(self)()._knobs
        for knob in self._knobs.values():
            if knob._user:
                yield user_knob_text(knob)
            value = knob._text()
            if isinstance(knob, CurveKnob):
                yield f"curves {{{knob._tree.tree_text()}}}"
            elif value and (knob._name not in fresh or fresh[knob._name]._text() != value):
                is_list = isinstance(knob, Array_Knob) and value.startswith("{")
                yield f"{knob._name} {value if is_list else written(value)}"


class Dot(Node):
    pass


class NoOp(Node):
    pass


class BackdropNode(Node):
    _INPUTS, _PICTURES = 0, False


class Camera2(Node):
    _INPUTS, _PICTURES = 0, False


class Viewer(Node):
    _INPUTS = 10

    def _own_knobs(self) -> Sequence[Knob]:
        return (BBox_Knob("colour_sample_bbox"), Int_Knob("input_number"))


class TimeOffset(Node):
    def _own_knobs(self) -> Sequence[Knob]:
        return (Int_Knob("time_offset"),)

    def _picture(self, frame: float) -> Picture:
        return super()._picture(frame if self._is_on("disable") else frame - self._number("time_offset"))


class Grade(Node):
    def _own_knobs(self) -> Sequence[Knob]:
        return (AColor_Knob("multiply", "", 1.0),)

    def _picture(self, frame: float) -> Picture:
        given = super()._picture(frame)
        if self._is_on("disable"):
            return given
        by = self._number("multiply", frame)
        made = {n: [array("d", [v * by for v in row]) for row in rows] for n, rows in given.channels.items()}
        return Picture(given.width, given.height, given.aspect, given.box, made)


class Crop(Node):
    def _own_knobs(self) -> Sequence[Knob]:
        return (BBox_Knob("box"), Boolean_Knob("crop", "", True), Boolean_Knob("reformat"))

    def _picture(self, frame: float) -> Picture:
        given = super()._picture(frame)
        knob = self._knobs["box"]
        assert isinstance(knob, BBox_Knob)
        x, y, r, t = (round(value) for value in knob._values)
        return Picture(given.width, given.height, given.aspect, (x, y, r, t), given.channels)


class Constant(Node):
    _INPUTS = 0

    def _own_knobs(self) -> Sequence[Knob]:
        return (AColor_Knob("color"), Format_Knob("format"))

    def _format(self) -> Format:
        knob = self._knobs["format"]
        assert isinstance(knob, Format_Knob)
        return knob._value or super()._format()

    def _picture(self, frame: float) -> Picture:
        given, knob = super()._picture(frame), self._knobs["color"]
        assert isinstance(knob, AColor_Knob)
        made = {n: blank(given.width, given.height, knob._at(k, frame)) for k, n in enumerate(_COLOURS)}
        return Picture(given.width, given.height, given.aspect, given.box, made)


class Read(Node):
    _INPUTS = 0

    def _own_knobs(self) -> Sequence[Knob]:
        return (
            File_Knob("file"), File_Knob("proxy"), Int_Knob("first", "", 1), Int_Knob("last", "", 1),
            Int_Knob("origfirst", "", 1), Int_Knob("origlast", "", 1),
            Enumeration_Knob("frame_mode", "", ["expression", "start at", "offset"]), String_Knob("frame"),
            Enumeration_Knob("before", "", ["hold", "loop", "bounce", "black"]),
            Enumeration_Knob("after", "", ["hold", "loop", "bounce", "black"]), Format_Knob("format"),
            String_Knob("colorspace", "", "default"), Boolean_Knob("raw"),
        )  # fmt: skip

    def _format(self) -> Format:
        knob = self._knobs["format"]
        assert isinstance(knob, Format_Knob)
        return knob._value or super()._format()

    @property
    def _shift(self) -> float:
        """Return what is added to the file's frame number to give the host's."""
        mode, frame = self._text_of("frame_mode"), self._text_of("frame")
        if not frame:
            return 0.0
        if mode == "start at":
            return float(frame) - self._number("first")
        if mode == "offset":
            return -float(frame)
        return 0.0

    def firstFrame(self) -> int:
        return int(self._number("first") + self._shift)

    def lastFrame(self) -> int:
        return int(self._number("last") + self._shift)

    def hasError(self) -> bool:
        try:
            self._picture(self.firstFrame())
        except RuntimeError:
            return True
        return False

    def _picture(self, frame: float) -> Picture:
        if self._text_of("frame_mode") == "expression" and self._text_of("frame"):
            raise RuntimeError("the stand-in evaluates no expressions")
        number = min(max(round(frame - self._shift), self._number("first")), self._number("last"))
        pattern = self._text_of("file").replace("%V", program().view).replace("%v", program().view[0])
        name = re.sub(r"#+", lambda found: str(int(number)).zfill(len(found[0])), pattern)
        name = re.sub(r"%0?(\d*)d", lambda found: str(int(number)).zfill(int(found[1] or 1)), name)
        if not Path(name).is_file():
            raise RuntimeError(f"{self._name_knob()}: {name}: No such file or directory")
        found = read_png(Path(name))
        return Picture(found.width, found.height, self._format().pixelAspect(), channels=found.channels)


class Write(Node):
    def _own_knobs(self) -> Sequence[Knob]:
        return (
            File_Knob("file"), String_Knob("file_type"), String_Knob("channels", "", "rgb"), Boolean_Knob("raw"),
            String_Knob("colorspace", "", "default"), String_Knob("views"), Boolean_Knob("create_directories"),
            String_Knob("datatype", "", "16 bit half"), String_Knob("compression", "", "Zip (1 scanline)"),
        )  # fmt: skip

    def _write(self, frame: int, view: str) -> None:
        if self._text_of("file_type") != "exr":
            raise RuntimeError(f"{self._name_knob()}: the stand-in writes exr alone")
        pattern = self._text_of("file")
        if "\\" in pattern or not pattern:
            raise RuntimeError(f"{self._name_knob()}: no file {pattern!r}: paths have forward slashes")
        name = re.sub(r"%0?(\d*)d", lambda found: str(frame).zfill(int(found[1] or 1)), pattern.replace("%V", view))
        if not Path(name).parent.is_dir():
            raise RuntimeError(f"{self._name_knob()}: {name}: No such file or directory")
        wanted = {
            "rgb": dict(zip("RGB", _COLOURS)), "rgba": dict(zip("RGBA", _COLOURS)), "alpha": {"A": _COLOURS[3]},
        }[self._text_of("channels")]  # fmt: skip
        write_exr(Path(name), self._picture(frame), wanted)


class Roto(Node):
    def _own_knobs(self) -> Sequence[Knob]:
        return (
            String_Knob("output", "", "alpha"), String_Knob("cliptype", "", "none"), CurveKnob("curves"),
            String_Knob("toolbox"), String_Knob("toolbar_visibility_all"), String_Knob("colorOverlay"),
            String_Knob("lifetime_type"), Double_Knob("lifetime_start"), Double_Knob("lifetime_end"),
            String_Knob("view"), String_Knob("motionblur_shutter_offset_type"), String_Knob("source_black_outside"),
            Double_Knob("opacity", "", 1.0), Boolean_Knob("inverted"), String_Knob("premultiply"),
            Format_Knob("format"),
        )  # fmt: skip

    def _format(self) -> Format:
        if self._inputs[0] is not None:
            return self._inputs[0]._format()
        knob = self._knobs["format"]
        assert isinstance(knob, Format_Knob)
        return knob._value or super()._format()

    def _picture(self, frame: float) -> Picture:
        given, knob = super()._picture(frame), self._knobs["curves"]
        if self._is_on("disable"):
            return given
        assert isinstance(knob, CurveKnob)
        alpha = raster.draw(knob._tree._root, frame, given.width, given.height)
        return Picture(given.width, given.height, given.aspect, given.box, {**given.channels, "rgba.alpha": alpha})


class RotoPaint(Roto):
    pass


class Group(Node):
    _INPUTS = 8

    def __init__(self) -> None:
        self._children: list[Node] = []
        super().__init__()

    def nodes(self) -> list[Node]:
        return list(self._children)

    def minInputs(self) -> int:
        return sum(isinstance(child, Input) for child in self._children)

    def node(self, s: str) -> Optional[Node]:
        return found(self, s)

    def begin(self) -> Group:
        Context.stack.append(self)
        return self

    def end(self) -> None:
        Context.stack.pop()

    def __enter__(self) -> Group:
        return self.begin()

    def __exit__(self, *about: object) -> None:
        self.end()

    def subgraphLocked(self) -> bool:
        return self._locked

    def _picture(self, frame: float) -> Picture:
        passed = self._passed(frame)
        if passed is not None:
            return passed
        outputs = [child for child in self._children if isinstance(child, Output)]
        if not outputs:
            raise RuntimeError(f"{self._name_knob()} has no Output")
        return outputs[0]._picture(frame)


class Root(Group):
    _INPUTS = 0

    def __init__(self) -> None:
        Context.stack = [self]
        super().__init__()

    def _own_knobs(self) -> Sequence[Knob]:
        return (
            Int_Knob("first_frame", "", 1), Int_Knob("last_frame", "", 100), Double_Knob("fps", "", 24.0),
            Boolean_Knob("proxy"), Format_Knob("format", "", program().formats[0]),
            Enumeration_Knob("colorManagement", "", ["Nuke", "OCIO"]), String_Knob("workingSpaceLUT", "", "linear"),
            String_Knob("OCIO_config", "", "nuke-default"), File_Knob("customOCIOConfigPath"),
            File_Knob("project_directory"),
        )  # fmt: skip

    def name(self) -> str:
        """Return the script's path, "Root" before it was saved."""
        return self._name_knob() or "Root"

    def firstFrame(self) -> int:
        return int(self._number("first_frame"))

    def lastFrame(self) -> int:
        return int(self._number("last_frame"))

    def fps(self) -> int:
        return int(self._number("fps"))

    def realFps(self) -> float:
        return self._number("fps")


class Input(Node):
    _INPUTS = 0

    def _own_knobs(self) -> Sequence[Knob]:
        return (Int_Knob("number"),)

    def _picture(self, frame: float) -> Picture:
        above = self._parent._inputs[int(self._number("number"))] if self._parent else None
        return above._picture(frame) if above else super()._picture(frame)

    def _format(self) -> Format:
        above = self._parent._inputs[int(self._number("number"))] if self._parent else None
        return above._format() if above else super()._format()


class Output(Node):
    pass


CLASSES = {
    kind.__name__: kind
    for kind in (
        BackdropNode, Camera2, Constant, Crop, Dot, Grade, Group, Input, NoOp, Output, Read, Roto, RotoPaint,
        TimeOffset, Viewer, Write,
    )
}  # fmt: skip


class Context:
    """The group into which nodes are put."""

    stack: ClassVar[list[Group]] = []


def found(group: Group, path: str) -> Optional[Node]:
    """Return a node by its name, or by the names of the groups to it with points between."""
    head, _, rest = path.partition(".")
    for child in group._children:
        if child._name_knob() == head:
            if not rest:
                return child
            return found(child, rest) if isinstance(child, Group) else None
    return None


def made(kind: str) -> Node:
    """Return a new node in the present group."""
    group = Context.stack[-1]
    program().touch(group)
    if kind not in CLASSES:
        raise RuntimeError(f"{kind}: Unknown command")
    node = CLASSES[kind]()
    node._parent = group
    group._children.append(node)
    node._rename(f"{kind}1")
    return node
