"""Words through a real daemon: what they find is listed, tracked from its box, or refused in one sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from serving import Daemon, Roto, serving


@pytest.fixture(scope="module")
def finding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with serving(tmp_path_factory.mktemp("finding"), extra_finders="colour_finder:ColourFinder") as running:
        yield running


@pytest.fixture
def cars(tmp_path: Path) -> str:
    """A large and a small red disc and a blue one that move to the right, frames 1001 to 1004, 160x90."""
    folder = tmp_path / "cars"
    folder.mkdir()
    for frame in range(1001, 1005):
        painted = np.full((90, 160, 3), 40, np.uint8)
        for (x, y), radius, colour in (((40, 30), 16, 0), ((110, 65), 9, 0), ((120, 25), 12, 2)):
            shown = [60, 60, 60]
            shown[2 - colour] = 240  # OpenCV writes blue first
            cv2.circle(painted, (x + 2 * (frame - 1001), y), radius, shown, -1, cv2.LINE_AA)
        cv2.imwrite(str(folder / f"cars.{frame}.png"), painted)
    return str(folder / "cars.####.png")


def test_what_words_may_mean_is_listed_the_likeliest_first(finding: Daemon, roto: Roto, cars: str) -> None:
    done = roto("find", cars, "red car", "--frame", "1002", "--json", address=finding.address)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["frame"] == 1002
    large, small = told["objects"]
    assert large["score"] > small["score"]
    assert np.abs(np.array(large["box"]) - [25, 13, 60, 48]).max() <= 1
    assert np.abs(np.array(small["box"]) - [102, 55, 123, 76]).max() <= 1
    shown = roto("find", cars, "blue car", address=finding.address)
    assert "1001:" in shown.stdout
    assert "'blue car' on frame 1001" in shown.stdout


@pytest.mark.parametrize(("candidate", "centre", "radius"), [(1, (40, 30), 16), (2, (110, 65), 9)])
def test_words_are_tracked_from_the_candidate_s_box(
    finding: Daemon, roto: Roto, cars: str, candidate: int, centre: tuple[int, int], radius: int
) -> None:
    done = roto(
        *("track", cars, "--text", "red car", "--candidate", str(candidate), "--engine", "classic"),
        *("--out", "car.json", "--mattes", "m.####.png", "--json"),
        address=finding.address,
    )
    assert done.returncode == 0, done.stderr
    assert "find" in [each["stage"] for each in json.loads(done.stdout)["stages"]]
    folder = Path(cars).parent.parent / "work"
    assert json.loads((folder / "car.json").read_text())["shapes"][0]["name"].startswith("red car")
    for frame in range(1001, 1005):
        matte = np.asarray(cv2.imread(str(folder / f"m.{frame}.png"), cv2.IMREAD_UNCHANGED)) > 32767
        rows, columns = np.indices(matte.shape)
        true = np.hypot(columns - centre[0] - 2 * (frame - 1001), rows - centre[1]) <= radius
        assert (matte & true).sum() / (matte | true).sum() > 0.85


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (("find", "CARS", "unicorn"), 3, "'unicorn' finds nothing on frame 1001"),
        (("find", "CARS", "red", "--frame", "1009"), 3, "1009"),
        (("track", "CARS", "--text", "1003:unicorn", "--out", "a.json"), 3, "finds nothing on frame 1003"),
        (("track", "CARS", "--text", "blue", "--candidate", "2", "--out", "a.json"), 3, "there is no candidate 2"),
        (("track", "CARS", "--text", "1009:blue", "--out", "a.json"), 3, "outside the frames"),
        (("track", "CARS", "--text", "blue", "--box", "1001:1,1,9,9", "--out", "a.json"), 3, "leave one of them out"),
        (("track", "CARS", "--text", "1001:", "--out", "a.json"), 2, "nothing to find"),
        (("track", "CARS", "--out", "a.json"), 2, "--text WORDS"),
    ],
)
def test_words_that_lead_nowhere_are_one_sentence(
    finding: Daemon, roto: Roto, cars: str, arguments: tuple[str, ...], code: int, why: str
) -> None:
    done = roto(*(cars if each == "CARS" else each for each in arguments), address=finding.address)
    assert done.returncode == code, done.stderr
    assert why in done.stderr
    assert not list((Path(cars).parent.parent / "work").glob("a.*"))


def test_without_a_finder_the_command_that_brings_one_is_told(roto: Roto, cars: str) -> None:
    done = roto("find", cars, "red car")
    assert done.returncode == 8
    assert "roto-daemon models pull grounding-dino-tiny grounding-dino-tiny-tokenizer" in done.stderr
