"""Compares written files with those in tests/goldens; run as a program, it writes them anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from roto_shapes.formats import ENDINGS, encode, write_roto
from roto_shapes.formats.rotolink_json import read_roto

GOLDENS = Path(__file__).parents[1] / "goldens"
CASES = sorted(path.parent for path in GOLDENS.glob("*/input"))


def write_case(case: Path, folder: Path) -> None:
    roto = read_roto((case / "input" / "shapes.json").read_text(encoding="utf-8"))
    for ending in ENDINGS:
        write_roto(roto, folder / f"shapes{ending}")


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_bytes().decode() for path in folder.iterdir()}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_case_is_written_as_before(case: Path, tmp_path: Path) -> None:
    write_case(case, tmp_path)
    assert contents(tmp_path) == contents(case / "expected")


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_written_case_is_written_alike_again(case: Path) -> None:
    expected = (case / "expected" / "shapes.json").read_text(encoding="utf-8")
    assert encode(read_roto(expected), ".json") == expected
    assert encode(read_roto(expected), ".nk") == (case / "expected" / "shapes.nk").read_text(encoding="utf-8")


def test_there_are_cases() -> None:
    assert [case.name for case in CASES] == ["anamorphic_holes", "neutral_smooth"]


if __name__ == "__main__":
    for golden in CASES:
        (golden / "expected").mkdir(exist_ok=True)
        write_case(golden, golden / "expected")
