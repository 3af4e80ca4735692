"""Nuke's text as words: an own reader, written from the grammar, that knows nothing of the product's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, Union

Word = Union[str, list["Word"]]

_TOKEN = re.compile(r'\s+|([{}])|"((?:[^"\\]|\\.)*)"|([^\s{}"]+)', re.DOTALL)


def parse(text: str) -> list[Word]:
    """Return the words of a list's text; what stands in braces is a list."""
    stack: list[list[Word]] = [[]]
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise RuntimeError(f"no word at {text[at : at + 20]!r}")
        at = found.end()
        brace, quoted, bare = found.groups()
        if brace == "{":
            inner: list[Word] = []
            stack[-1].append(inner)
            stack.append(inner)
        elif brace == "}":
            if len(stack) == 1:
                raise RuntimeError("a brace closes that was not opened")
            stack.pop()
        elif quoted is not None:
            stack[-1].append(re.sub(r"\\(.)", r"\1", quoted))
        elif bare is not None:
            stack[-1].append(bare)
    if len(stack) != 1:
        raise RuntimeError("a brace is not closed")
    return stack[0]


def written(word: Word) -> str:
    if isinstance(word, list):
        return "{" + " ".join(map(written, word)) + "}"
    if word and not re.search(r"[\s\"'\\{}]", word):
        return word
    return '"' + re.sub(r'(["\\])', r"\\\1", word) + '"'


class Command(NamedTuple):
    """A line of a script: `set X [stack 0]`, `push $X`, `Root { … }`, `end_group`; the last word as it stands."""

    words: list[str]


def commands(text: str) -> Iterator[Command]:
    """Yield what a script says, line by line; a value in braces or quotes may go on over lines."""
    at = 0
    while at < len(text):
        line: list[str] = []
        while at < len(text) and text[at] != "\n":
            if text[at] in " \t\r":
                at += 1
                continue
            end = _word_end(text, at)
            line.append(text[at:end])
            at = end
        at += 1
        if line and not line[0].startswith("#"):
            yield Command(line)


def bare(word: str) -> str:
    """Return a knob's value without the braces or quotes round it."""
    if word.startswith("{"):
        return word[1:-1]
    if word.startswith('"'):
        return re.sub(r"\\(.)", r"\1", word[1:-1].replace("\\n", "\n"), flags=re.DOTALL)
    return word


def _word_end(text: str, at: int) -> int:
    if text[at] == "{":
        depth = 0
        for place in range(at, len(text)):
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            if not depth:
                return place + 1
        raise RuntimeError("a brace is not closed")
    found = re.compile(r'"(?:[^"\\]|\\.)*"|\[[^\]\n]*\]|[^\s{}"]+', re.DOTALL).match(text, at)
    if found is None:
        raise RuntimeError(f"no word at {text[at : at + 20]!r}")
    return found.end()
