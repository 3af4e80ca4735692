from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from measuring import Daemon, Figures, serving

_RESULTS = Path("out") / "bench.json"

_figures = Figures()


@pytest.fixture
def figures() -> Figures:
    return _figures


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _figures.rows:
        return
    terminalreporter.section("figures")
    for what, figure, unit, goal in _figures.rows:
        terminalreporter.write_line(f"{what:<72} {figure:>12} {unit:<6} goal: {goal}")
    _RESULTS.parent.mkdir(exist_ok=True)
    _RESULTS.write_text(
        json.dumps([dict(zip(("what", "figure", "unit", "goal"), row)) for row in _figures.rows], indent=1)
    )
    terminalreporter.write_line(f"written to {_RESULTS}")


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with serving(tmp_path) as running:
        yield running
