"""Knobs of nodes, as far as plugins of ours use them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Optional, Union

from nuke_standin import numbers
from nuke_standin.elements import Element, Layer, Tree
from nuke_standin.guard import Strict
from nuke_standin.program import program
from nuke_standin.words import Word, parse, written

if TYPE_CHECKING:
    from nuke_standin.nodes import Node

INVISIBLE, STARTLINE, DO_NOT_WRITE = 0x400, 0x1000, 0x200


class Knob(Strict):
    """A value of a node with a name."""

    _TYPE: ClassVar[int] = 0
    """Its number in `addUserKnob`."""

    def __init__(self, name: str, label: str = "") -> None:
        self._name, self._label = str(name), str(label)
        self._node: Optional[Node] = None
        self._flags = 0
        self._shown = True
        self._on = True
        self._tip = ""
        self._user = False

    def Class(self) -> str:
        return type(self).__name__

    def name(self) -> str:
        return self._name

    def label(self) -> str:
        return self._label

    def node(self) -> Optional[Node]:
        return self._node

    def setFlag(self, flag: int) -> None:
        self._flags |= flag

    def clearFlag(self, flag: int) -> None:
        self._flags &= ~flag

    def getFlag(self, flag: int) -> bool:
        return bool(self._flags & flag)

    def setVisible(self, visible: bool) -> None:
        self._shown = visible

    def visible(self) -> bool:
        return self._shown and not self._flags & INVISIBLE

    def setEnabled(self, enabled: bool) -> None:
        self._on = enabled

    def enabled(self) -> bool:
        return self._on

    def setTooltip(self, tooltip: str) -> None:
        self._tip = tooltip

    def tooltip(self) -> str:
        return self._tip

    def toScript(self, quote: bool = True, context: object = None) -> str:
        return self._text()

    def fromScript(self, script: str) -> None:
        self._touch()
        self._read(script)

    def _touch(self) -> None:
        program().touch(self._node)

    def _text(self) -> str:
        return ""

    def _read(self, text: str) -> None:
        raise RuntimeError(f"{self._name} takes no text")


class String_Knob(Knob):
    _TYPE = 1

    def __init__(self, name: str, label: str = "", value: str = "") -> None:
        super().__init__(name, label)
        self._value = value

    def value(self) -> str:
        return self._value

    def getValue(self) -> str:
        return self._value

    def getText(self) -> str:
        return self._value

    def setValue(self, value: str) -> bool:
        if not isinstance(value, str):
            raise TypeError(f"{self._name} takes a text")
        self._touch()
        self._value = value
        return True

    def _text(self) -> str:
        return self._value

    def _read(self, text: str) -> None:
        self._value = text


class EvalString_Knob(String_Knob):
    pass


class File_Knob(EvalString_Knob):
    _TYPE = 2


class Multiline_Eval_String_Knob(EvalString_Knob):
    _TYPE = 43


class Text_Knob(Knob):
    _TYPE = 26

    def value(self) -> str:
        return self._label


class Tab_Knob(Knob):
    _TYPE = 20


class PyScript_Knob(Knob):
    """A button."""

    _TYPE = 22

    def __init__(self, name: str, label: str = "", command: str = "") -> None:
        super().__init__(name, label)
        self._command = command

    def command(self) -> str:
        return self._command

    def execute(self) -> None:
        """Run the button's script, with `nuke.thisNode` and `nuke.thisKnob` as in a press of the button."""
        with program().callback(self._node, self):
            exec(compile(self._command, self._name, "exec"), {})  # noqa: S102 - what a button does

    def _text(self) -> str:
        return self._command

    def _read(self, text: str) -> None:
        self._command = text


class Format_Knob(Knob):
    def __init__(self, name: str, label: str = "", format: Optional[Format] = None) -> None:
        super().__init__(name, label)
        self._value = format

    def value(self) -> Optional[Format]:
        return self._value

    def setValue(self, value: Union[str, Format]) -> bool:
        self._touch()
        self._value = program().format(value) if isinstance(value, str) else value
        return True

    def _text(self) -> str:
        return self._value._text() if self._value else ""

    def _read(self, text: str) -> None:
        self._value = program().format(text)


class Format(Strict):
    def __init__(self, width: int, height: int, aspect: float = 1.0, name: str = "") -> None:
        self._size, self._aspect, self._name = (width, height), aspect, name

    def width(self) -> int:
        return self._size[0]

    def height(self) -> int:
        return self._size[1]

    def pixelAspect(self) -> float:
        return self._aspect

    def name(self) -> str:
        return self._name

    def x(self) -> int:
        return 0

    def y(self) -> int:
        return 0

    def r(self) -> int:
        return self._size[0]

    def t(self) -> int:
        return self._size[1]

    def _text(self) -> str:
        width, height = self._size
        return f"{width} {height} 0 0 {width} {height} {self._aspect:g} {self._name}".strip()


class Array_Knob(Knob):
    """Numbers, each of which may have keys."""

    _SIZE: ClassVar[int] = 1

    def __init__(self, name: str, label: str = "", value: Union[float, Sequence[float]] = 0.0) -> None:
        super().__init__(name, label)
        values = [value] * self._SIZE if isinstance(value, (int, float)) else list(value)
        self._values = [float(each) for each in values]
        self._keys: list[list[numbers.Key]] = [[] for _ in self._values]

    def value(self, index: Optional[int] = None) -> Union[float, list[float]]:
        return self._now(index, program().frame)

    def getValue(self, index: Optional[int] = None) -> Union[float, list[float]]:
        return self._now(index, program().frame)

    def valueAt(self, time: float, index: Optional[int] = None) -> Union[float, list[float]]:
        return self._now(index, time)

    def getValueAt(self, time: float, index: Optional[int] = None) -> Union[float, list[float]]:
        return self._now(index, time)

    def setValue(self, value: Union[float, Sequence[float]], index: Optional[int] = None) -> bool:
        self._touch()
        for at, each in self._given(value, index):
            if self._keys[at]:
                self._put(at, program().frame, each)
            else:
                self._values[at] = each
        return True

    def setValueAt(self, value: float, time: float, index: int = 0) -> bool:
        self._touch()
        if not self._keys[index]:
            raise RuntimeError(f"{self._name} is not animated: setAnimated first")
        self._put(index, time, float(value))
        return True

    def setAnimated(self, index: Optional[int] = None) -> bool:
        self._touch()
        for at in range(len(self._values)) if index is None else [index]:
            if not self._keys[at]:
                self._keys[at] = [numbers.Key(program().frame, self._values[at])]
        return True

    def isAnimated(self, index: Optional[int] = None) -> bool:
        return any(self._keys) if index is None else bool(self._keys[index])

    def clearAnimated(self, index: Optional[int] = None) -> bool:
        self._touch()
        for at in range(len(self._values)) if index is None else [index]:
            self._values[at] = self._at(at, program().frame)
            self._keys[at] = []
        return True

    def _given(self, value: Union[float, Sequence[float]], index: Optional[int]) -> list[tuple[int, float]]:
        if isinstance(value, (int, float)):
            return [(at, float(value)) for at in (range(len(self._values)) if index is None else [index])]
        if index is not None or len(value) != len(self._values):
            raise TypeError(f"{self._name} takes {len(self._values)} numbers")
        return [(at, float(each)) for at, each in enumerate(value)]

    def _put(self, at: int, time: float, value: float) -> None:
        rest = [key for key in self._keys[at] if key.time != time]
        self._keys[at] = sorted([*rest, numbers.Key(time, value)])

    def _at(self, at: int, time: float) -> float:
        return numbers.evaluate(self._keys[at], time) if self._keys[at] else self._values[at]

    def _now(self, index: Optional[int], time: float) -> Union[float, list[float]]:
        if index is not None:
            return self._at(index, time)
        values = [self._at(at, time) for at in range(len(self._values))]
        return values if self._SIZE > 1 else values[0]

    def _text(self) -> str:
        words = [
            "{curve " + " ".join(f"x{key.time:g} {key.value:.9g}" for key in keys) + "}" if keys else f"{value:.9g}"
            for keys, value in zip(self._keys, self._values)
        ]
        return words[0] if self._SIZE == 1 and not self._keys[0] else "{" + " ".join(words) + "}"

    def _read(self, text: str) -> None:
        words = parse(text)
        if len(words) == 1 and isinstance(words[0], list):
            words = words[0]
        if len(words) == 1:
            words = words * self._SIZE
        if len(words) != self._SIZE:
            raise RuntimeError(f"{self._name} takes {self._SIZE} numbers, not {text!r}")
        for at, word in enumerate(words):
            self._keys[at] = []
            if isinstance(word, list):
                pairs = zip(word[1::2], word[2::2])
                self._keys[at] = [numbers.Key(float(str(time)[1:]), float(str(value))) for time, value in pairs]
            else:
                self._values[at] = float({"true": "1", "false": "0"}.get(word, word))


class Double_Knob(Array_Knob):
    _TYPE = 7


class Int_Knob(Array_Knob):
    _TYPE = 3


class AColor_Knob(Array_Knob):
    _SIZE = 4


class XY_Knob(Array_Knob):
    """A place that can be dragged in the Viewer while the panel is open."""

    _TYPE, _SIZE = 12, 2

    def x(self) -> float:
        return self._at(0, program().frame)

    def y(self) -> float:
        return self._at(1, program().frame)


class BBox_Knob(Array_Knob):
    """A box x, y, r, t."""

    _TYPE, _SIZE = 15, 4

    def x(self) -> float:
        return self._at(0, program().frame)

    def y(self) -> float:
        return self._at(1, program().frame)

    def r(self) -> float:
        return self._at(2, program().frame)

    def t(self) -> float:
        return self._at(3, program().frame)


class Boolean_Knob(Knob):
    _TYPE = 6

    def __init__(self, name: str, label: str = "", value: bool = False) -> None:
        super().__init__(name, label)
        self._value = bool(value)

    def value(self) -> bool:
        return self._value

    def getValue(self) -> float:
        return float(self._value)

    def setValue(self, value: bool) -> bool:
        self._touch()
        self._value = bool(value)
        return True

    def _text(self) -> str:
        return str(self._value).lower()

    def _read(self, text: str) -> None:
        self._value = text in {"true", "1"}


class Enumeration_Knob(Knob):
    _TYPE = 4

    def __init__(self, name: str, label: str, values: Sequence[str]) -> None:
        super().__init__(name, label)
        self._choices = list(values)
        self._value = self._choices[0]

    def value(self) -> str:
        return self._value

    def getValue(self) -> float:
        return float(self._choices.index(self._value))

    def values(self) -> list[str]:
        return list(self._choices)

    def setValue(self, value: Union[str, int]) -> bool:
        self._touch()
        chosen = self._choices[value] if isinstance(value, int) else value
        if chosen not in self._choices:
            raise TypeError(f"{self._name} has no value {value!r}")
        self._value = chosen
        return True

    def _text(self) -> str:
        return self._value

    def _read(self, text: str) -> None:
        if text not in self._choices:
            raise RuntimeError(f"{self._name} has no value {text!r}")
        self._value = text


class CurveKnob(Knob):
    """The `curves` of a Roto node: `changed` and `fromScript` make every handle into it stale."""

    def __init__(self, name: str, label: str = "") -> None:
        super().__init__(name, label)
        self._tree = Tree(640, 480)

    @property
    def rootLayer(self) -> Layer:
        return self._tree._root

    def toElement(self, path: str) -> Optional[Element]:
        return self._tree.find(path)

    def getSelected(self) -> list[Element]:
        return [item for item in self._tree._root._items if item._flags >> 6 & 1]

    def changed(self) -> None:
        self._touch()
        self._tree.renew()

    def _text(self) -> str:
        return self._tree.text()

    def _read(self, text: str) -> None:
        words = parse(text)
        if len(words) != 6 or words[0] != "AddMode":
            raise RuntimeError("whether Nuke takes curves without AddMode before them is not known")
        self._tree.read(words[5])

    def _read_node(self, text: str) -> None:
        """Take the form that stands in a script."""
        words = parse(text)
        tree: Word = words[5] if words[:1] == ["AddMode"] else words[0]
        self._tree.read(tree)


USER_KNOBS: Mapping[int, type[Knob]] = {
    kind._TYPE: kind
    for kind in (
        String_Knob, File_Knob, Multiline_Eval_String_Knob, Text_Knob, Tab_Knob, PyScript_Knob, Double_Knob, Int_Knob,
        XY_Knob, BBox_Knob, Boolean_Knob,
    )
}  # fmt: skip


def user_knob(words: Sequence[Word]) -> Knob:
    """Return the knob of an `addUserKnob` line."""
    number, name, *rest = words
    label = str(rest[rest.index("l") + 1]) if "l" in rest else ""
    if int(str(number)) == Enumeration_Knob._TYPE:
        choices = rest[rest.index("M") + 1]
        return Enumeration_Knob(str(name), label, [str(each) for each in choices])
    return USER_KNOBS[int(str(number))](str(name), label)


def user_knob_text(knob: Knob) -> str:
    """Return the `addUserKnob` line of a knob."""
    words: list[Word] = [str(knob._TYPE), knob._name]
    if knob._label:
        words += ["l", knob._label]
    if not knob._shown or knob._flags & INVISIBLE:
        words += ["+INVISIBLE"]
    if isinstance(knob, Enumeration_Knob):
        words += ["M", list(knob._choices)]
    return "addUserKnob " + written(words)
