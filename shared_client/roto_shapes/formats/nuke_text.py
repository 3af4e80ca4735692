"""Nuke's script text: commands of words, nodes with their knobs, and lists in braces. Nothing in it is ever run.

Source: Nuke's published script grammar and saved scripts of Nuke 7 to 17, whose words are those of Tcl.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple, NoReturn, Union

MAX_CHARACTERS = 200_000_000
MAX_DEPTH = 500
"""How deep lists may lie in each other: layers lie a few deep, each taking one."""

_BRACE = re.compile(r"[{}]|\\.", re.DOTALL)
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|(?:[^\s{}"\\]|\\.)+', re.DOTALL)
_BLANK = re.compile(r"[ \t\r]*(?:\\\n[ \t\r]*)*")
_LIST_WORD = re.compile(r'\{[^{}"\\]*\}|[{}]|"(?:[^"\\]|\\.)*"|(?:[^\s{}"\\]|\\.)+', re.DOTALL)
"""A list without lists in it is one match: most of a script's text are such."""

_HEX = re.compile(r"x([0-9a-fA-F]{1,8})")
_FLOAT32 = struct.Struct(">f")


class Group(list["Item"]):
    """A list in braces, where it begins in its text and where the text behind it begins."""

    __slots__ = ("at", "end")

    def __init__(self, at: int, end: int = 0) -> None:
        super().__init__()
        self.at = at
        self.end = end


Item = Union[str, Group]


class Knob(NamedTuple):
    """A knob of a node: its value as it stands, without the braces or quotes round it."""

    name: str
    value: str
    at: int
    """Where the value begins in the script."""
    end: int
    """Where it ends."""


class Node(NamedTuple):
    """A node of a script."""

    kind: str
    knobs: tuple[Knob, ...]
    at: int

    def knob(self, name: str) -> str:
        """Return the last value of a knob; empty when it has none."""
        return next((knob.value for knob in reversed(self.knobs) if knob.name == name), "")


class Script:
    """A script's text and what is found in it; errors name lines."""

    def __init__(self, text: str) -> None:
        """Take a text; raises ValueError for one that is encrypted, binary or too long."""
        self.text = text
        if len(text) > MAX_CHARACTERS:
            self.refuse(0, f"this script is longer than {MAX_CHARACTERS} characters")
        if "\0" in text[:4096]:
            self.refuse(0, "this is no text: scripts of the non-commercial Nuke are encrypted and cannot be read")

    def nodes(self) -> Iterator[Node]:
        """Yield the nodes in the order of the script, those in groups too."""
        for words in self._commands(0, len(self.text)):
            if len(words) == 2 and words[1][0].startswith("{"):  # noqa: PLR2004 - a class and its knobs
                (kind, at), (body, start) = words
                knobs = [
                    Knob(name, _bare(value), begin + value.startswith(("{", '"')), begin + len(value))
                    for (name, _), (value, begin) in self._pairs(start + 1, start + len(body) - 1)
                ]
                yield Node(kind, tuple(knobs), at)

    def groups(self, start: int, end: int) -> Group:
        """Return the lists and words of a part of the text, as deep as they lie."""
        root = Group(start)
        stack = [root]
        for found in _LIST_WORD.finditer(self.text, start, end):
            word = found[0]
            if len(word) > 1 and word[0] == "{":
                flat = Group(found.start(), found.end())
                flat.extend(word[1:-1].split())
                stack[-1].append(flat)
            elif word == "{":
                stack.append(Group(found.start()))
                if len(stack) > MAX_DEPTH:
                    self.refuse(found.start(), f"lists lie in each other more than {MAX_DEPTH} deep")
            elif word == "}":
                if len(stack) == 1:
                    self.refuse(found.start(), "a brace closes that was not opened")
                closed = stack.pop()
                closed.end = found.end()
                stack[-1].append(closed)
            else:
                stack[-1].append(_unescaped(word))
        if len(stack) > 1:
            self.refuse(stack[-1].at, "a brace is never closed")
        return root

    def refuse(self, at: int, why: str) -> NoReturn:
        """Raise ValueError with the line of a place."""
        message = f"line {self.text.count(chr(10), 0, at) + 1}: {why}"
        raise ValueError(message)

    def _pairs(self, start: int, end: int) -> Iterator[tuple[tuple[str, int], tuple[str, int]]]:
        for words in self._commands(start, end):
            if len(words) > 1:
                yield words[0], words[1]

    def _commands(self, start: int, end: int) -> Iterator[list[tuple[str, int]]]:
        """Yield the commands of a part, each as its words with their places; words keep their braces and quotes."""
        words: list[tuple[str, int]] = []
        at = start
        while at < end:
            at = _blank_end(self.text, at)
            if at >= end:
                break
            sign = self.text[at]
            if sign in "\n;":
                if words:
                    yield words
                words = []
                at += 1
            elif sign == "#" and not words:
                line_end = self.text.find("\n", at, end)
                at = end if line_end < 0 else line_end
            else:
                stop = self._word_end(at, end)
                words.append((self.text[at:stop], at))
                at = stop
        if words:
            yield words

    def _word_end(self, at: int, end: int) -> int:
        if self.text[at] == "{":
            stop = self._plain_end(at, end)
            if stop:
                return stop
            depth = 0
            for found in _BRACE.finditer(self.text, at, end):
                depth += {"{": 1, "}": -1}.get(found[0], 0)
                if depth == 0:
                    return found.end()
            self.refuse(at, "a brace is never closed")
        found_word = _WORD.match(self.text, at, end)
        if found_word is None:
            self.refuse(at, f"'{self.text[at]}' should not stand here")
        return found_word.end()

    def _plain_end(self, at: int, end: int) -> int:
        """Return where a list ends, quickly; 0 when it does not, or holds a backslash that may hide a brace."""
        depth, here = 0, at
        while True:
            close = self.text.find("}", here, end) + 1
            if not close:
                return 0
            depth += self.text.count("{", here, close) - 1
            if not depth:
                return 0 if self.text.find("\\", at, close) >= 0 else close
            here = close


def number(word: str) -> float:
    """Return a number, decimal or the bits of a float32 in hexadecimal; raises ValueError."""
    if word[:1] == "x":
        found = _HEX.fullmatch(word)
        if found is None:
            message = f"'{word[:20]}' is no number"
            raise ValueError(message)
        value: float = _FLOAT32.unpack(bytes.fromhex(found[1].zfill(8)))[0]
        return value
    return float(word)


def _blank_end(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return at if found is None else found.end()


def _bare(word: str) -> str:
    if word.startswith("{"):
        return word[1:-1]
    return _unescaped(word)


def _unescaped(word: str) -> str:
    inside = word[1:-1] if word.startswith('"') else word
    return re.sub(r"\\(.)", r"\1", inside, flags=re.DOTALL) if "\\" in inside else inside
