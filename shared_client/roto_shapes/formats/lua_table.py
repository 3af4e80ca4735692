"""The table syntax of Lua 5.1 as Fusion saves it: read into values without running anything, and written again.

Source: the Lua 5.1 reference manual, sections 2.1 and 2.5.7, and what Fusion adds to it: constructors before a table
(`Input { }`, dotted names too) and `ordered() { }`. Every entry keeps its place, so that a file that is read and
written again says the same.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn, Optional, Union

MAX_CHARACTERS = 100_000_000
MAX_DEPTH = 200
"""How deep tables may lie in each other; Fusion's groups lie a few deep."""

Key = Union[str, float, None]
"""A name or text, a number, or None for an entry that has its place alone."""

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\n": "\n"}
_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r\n\f\v]+)
  | (?P<long_comment>--\[(?P<comment_level>=*)\[)
  | (?P<comment>--[^\n]*)
  | (?P<long>\[(?P<level>=*)\[)
  | (?P<number>-?\s*(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?))
  | (?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
  | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | (?P<sign>[{}\[\]=,;()])
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPE = re.compile(r"\\(\d{1,3}|.)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


_PAIR = r"([A-Za-z_]\w*)\s*=\s*(-?\d{1,40}(?:\.\d{0,40})?(?:[eE][-+]?\d{1,4})?|true\b|false\b)"
_PLAIN_PAIR = re.compile(_PAIR, re.ASCII)
_PLAIN_TABLE = re.compile(rf"\s*{_PAIR}\s*(?:[,;]\s*{_PAIR}\s*)*[,;]?\s*\}}", re.ASCII)
"""The inside of a table of numbers and truths by name: of the points of outlines, which are most of a file."""


class Raw(NamedTuple):
    """A value that is text of Lua already: for the many points of outlines."""

    text: str


class Entry(NamedTuple):
    """One entry of a table."""

    key: Key
    value: Value


@dataclass
class Table:
    """A table, with the name of its constructor before it: `Input`, `ordered()`, or nothing."""

    kind: str = ""
    entries: list[Entry] = field(default_factory=list)
    line: int = 0
    """Where it begins in the file that it was read from."""
    start: int = field(default=0, compare=False)
    """The place of its first sign there, its constructor's too."""
    inside: int = field(default=0, compare=False)
    """The place behind its opening brace."""
    end: int = field(default=0, compare=False)
    """The place behind its closing brace; 0 for a table that was not read."""

    def get(self, key: Key) -> Optional[Value]:
        """Return the last value of a key; None when there is none."""
        for entry in reversed(self.entries):
            if entry.key == key and type(entry.key) is type(key):
                return entry.value
        return None

    def table(self, key: Key) -> Table:
        """Return the table of a key; an empty one when there is none."""
        found = self.get(key)
        return found if isinstance(found, Table) else Table(line=self.line)

    def number(self, key: Key, usual: float) -> float:
        """Return the number of a key, or what is usual."""
        found = self.get(key)
        return usual if isinstance(found, bool) or not isinstance(found, (int, float)) else float(found)

    def text(self, key: Key) -> str:
        """Return the text of a key; an empty one when there is none."""
        found = self.get(key)
        return found if isinstance(found, str) else ""

    def tables(self) -> Iterator[tuple[str, Table]]:
        """Yield the entries that are tables with a name."""
        for key, value in self.entries:
            if isinstance(key, str) and isinstance(value, Table):
                yield key, value

    def items(self) -> list[Value]:
        """Return the entries without a key."""
        return [value for key, value in self.entries if key is None]

    def put(self, key: Key, value: Value) -> None:
        """Set the value of a key, in its place when it is there."""
        for at, entry in enumerate(self.entries):
            if entry.key == key:
                self.entries[at] = Entry(key, value)
                return
        self.entries.append(Entry(key, value))


Value = Union[Table, Raw, str, float, bool, None]


def parse(text: str) -> Table:
    """Return the table that a text holds.

    Raises ValueError with the line, for text that is none, that is too long or nested too deeply.
    """
    if len(text) > MAX_CHARACTERS:
        message = f"this file is longer than {MAX_CHARACTERS} characters"
        raise ValueError(message)
    tokens = _Tokens(text.lstrip("\ufeff").rstrip("\0"))
    value = tokens.value(0)
    if not isinstance(value, Table):
        tokens.refuse("a table should stand here")
    tokens.expect_end()
    return value


def dump(value: Value, depth: int = 0) -> str:
    """Return a value as text, a table's entries a line each, those without tables inside in one line."""
    if isinstance(value, Table):
        return _dump_table(value, depth)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "nil"
    if isinstance(value, str):
        return quoted(value)
    return value.text if isinstance(value, Raw) else number_text(value)


def number_text(number: float) -> str:
    """Return a number of 15 significant digits, as Fusion writes them; never a negative zero.

    Raises ValueError for one that is not finite.
    """
    text = f"{number + 0.0:.15g}"
    if text in {"inf", "-inf", "nan"}:
        message = f"a number is not finite: {number}"
        raise ValueError(message)
    return "0" if text == "-0" else text


def quoted(text: str) -> str:
    """Return a text in double quotes; control characters by their number, all else as it is."""
    signs = {"\\": "\\\\", '"': '\\"', "\n": "\\n"}
    return '"' + "".join(signs.get(c) or (f"\\{ord(c):03d}" if c < " " or c == "\x7f" else c) for c in text) + '"'


def _dump_table(table: Table, depth: int) -> str:
    head = f"{table.kind} " if table.kind else ""
    parts = [_key_text(key) + dump(value, depth + 1) for key, value in table.entries]
    flat = all(not isinstance(value, Table) or not value.entries for _, value in table.entries)
    if flat or (len(table.entries) == 1 and "\n" not in parts[0]):
        return f"{head}{{ {', '.join(parts)} }}" if parts else f"{head}{{ }}"
    indent = "\t" * (depth + 1)
    body = ",\n".join(indent + part for part in parts)
    return f"{head}{{\n{body}\n{indent[:-1]}}}"


def _key_text(key: Key) -> str:
    if key is None:
        return ""
    if isinstance(key, str):
        return f"{key} = " if _NAME.fullmatch(key) and key not in _RESERVED else f"[{quoted(key)}] = "
    return f"[{number_text(key)}] = "


_RESERVED = frozenset(
    [
        *("and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil"),
        *("not", "or", "repeat", "return", "then", "true", "until", "while"),
    ]
)
_TRUTHS = frozenset(["true", "false"])
_WORDS: dict[str, Value] = {"true": True, "false": False, "nil": None}


class _Tokens:
    """The words of a text one after the other, and the values that they make."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._kind = ""
        self._word = ""
        self._start = 0
        self._counted = (0, 1)
        self._step()

    def value(self, depth: int) -> Value:
        """Return the value that begins here."""
        if depth > MAX_DEPTH:
            self.refuse(f"tables lie in each other more than {MAX_DEPTH} deep")
        kind, word, start = self._kind, self._word, self._start
        if self._is("{"):
            return self._table("", depth, start)
        if kind in {"text", "long"}:
            self._step()
            return _unescaped(word) if kind == "text" else word
        if kind == "number":
            number = _number(word)
            if not math.isfinite(number):
                self.refuse("a number of finite size should stand here")
            self._step()
            return number
        if kind == "name":
            self._step()
            return self._named(word, depth, start)
        return self.refuse("a value should stand here")

    def refuse(self, why: str) -> NoReturn:
        """Raise ValueError with the line."""
        found = f"'{self._word[:20]}'" if self._kind else "the end of the file"
        message = f"line {self._line()}: {why}, not {found}"
        raise ValueError(message)

    def expect_end(self) -> None:
        """Refuse what comes behind the one value."""
        if self._kind:
            self.refuse("the file should end here")

    def _named(self, word: str, depth: int, start: int) -> Value:
        if word in _WORDS and not self._is("{"):
            return _WORDS[word]
        if self._is("("):
            self._step()
            self._take(")")
            word += "()"
        if not self._is("{"):
            self.refuse(f"a table should follow '{word}'")
        return self._table(word, depth, start)

    def _table(self, kind: str, depth: int, start: int) -> Table:
        table = Table(kind, line=self._line(), start=start, inside=self._start + 1)
        if self._is("{") and self._plain(table):
            return table
        self._take("{")
        while not self._is("}"):
            table.entries.append(self._entry(depth + 1))
            if not self._is("}"):
                if not (self._is(",") or self._is(";")):
                    self.refuse("a comma or a closing brace should stand here")
                self._step()
        table.end = self._at
        self._step()
        return table

    def _plain(self, table: Table) -> bool:
        """Read a table of numbers and truths by name quickly, and say whether it was one."""
        found = _PLAIN_TABLE.match(self._text, self._at)
        if found is None:
            return False
        pairs = _PLAIN_PAIR.findall(self._text, self._at, found.end())
        values = [word == "true" if word in _TRUTHS else float(word) for _, word in pairs]
        if any(map(math.isinf, values)):
            return False
        table.entries = [Entry(key, value) for (key, _), value in zip(pairs, values)]
        self._at = table.end = found.end()
        self._step()
        return True

    def _entry(self, depth: int) -> Entry:
        if self._is("["):
            self._step()
            key = self.value(depth)
            if isinstance(key, (Table, Raw, bool)) or key is None:
                self.refuse("a key is a text or a number")
            self._take("]")
            self._take("=")
            return Entry(key, self.value(depth))
        if self._kind == "name":
            word, line = self._word, self._start
            self._step()
            if self._is("="):
                if "." in word:
                    self._start = line
                    self.refuse(f"'{word}' is no name of a key")
                self._step()
                return Entry(word, self.value(depth))
            return Entry(None, self._named(word, depth, line))
        return Entry(None, self.value(depth))

    def _is(self, sign: str) -> bool:
        return self._kind == "sign" and self._word == sign

    def _take(self, sign: str) -> None:
        if not self._is(sign):
            self.refuse(f"'{sign}' should stand here")
        self._step()

    def _line(self) -> int:
        """Return the line of the word at hand, counted on from where it was last asked for."""
        at, line = self._counted
        line += self._text.count("\n", at, self._start) - self._text.count("\n", self._start, at)
        self._counted = (self._start, line)
        return line

    def _step(self) -> None:
        """Go on to the next word that is neither blank nor a comment."""
        while True:
            self._start = self._at
            if self._at == len(self._text):
                self._kind = self._word = ""
                return
            found = _TOKEN.match(self._text, self._at)
            if found is None:
                self._kind, self._word = "?", self._text[self._at]
                self.refuse("this is no table of Lua")
            self._at = found.end()
            kind = str(found.lastgroup)
            if kind in {"comment_level", "long_comment"}:
                self._long(found["comment_level"])
            elif kind in {"level", "long"}:
                self._kind, self._word = "long", self._long(found["level"])
                return
            elif kind not in {"space", "comment"}:
                self._kind, self._word = kind, found[0]
                return

    def _long(self, level: str) -> str:
        """Return what stands up to the closing bracket of a long text or comment, and go behind it."""
        close = f"]{level}]"
        end = self._text.find(close, self._at)
        if end < 0:
            self._kind, self._word = "", ""
            self.refuse(f"'{close}' is missing")
        inside = self._text[self._at : end]
        self._at = end + len(close)
        return inside.removeprefix("\n")


def _unescaped(word: str) -> str:
    def plain(found: re.Match[str]) -> str:
        sign = found[1]
        return chr(int(sign)) if sign.isdigit() else _ESCAPES.get(sign, sign)

    return _ESCAPE.sub(plain, word[1:-1]) if "\\" in word else word[1:-1]


def _number(word: str) -> float:
    plain = "".join(word.split())
    sign = -1 if plain.startswith("-") else 1
    digits = plain.lstrip("-")
    if digits[:2].lower() == "0x":
        whole = int(digits, 16)
        return float(sign * whole) if whole <= sys.float_info.max else math.inf
    return sign * float(digits)
