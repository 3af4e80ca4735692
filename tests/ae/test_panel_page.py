"""The panel as a page of the daemon, in a real browser, with a real mouse: from a click to masks in After Effects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import javascript
import numpy as np
import pytest
from ae_panel import IDLE, PANEL, PanelPage, covered, iou, mattes
from numpy.typing import NDArray
from serving import FIRST, HEIGHT, LAST, RADIUS, WIDTH, Daemon, centre, picture, serving

from roto_shapes.shot import FrameRange

FRAMES = FrameRange(FIRST, LAST)
RATE = 24


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("panel")
    javascript.chromium()
    with serving(folder, panel_folder=str(PANEL)) as running:
        yield running


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("plate")
    for frame in FRAMES:
        cv2.imwrite(str(folder / f"disc.{frame}.png"), picture(frame))
    return str(folder / "disc.####.png")


@pytest.fixture
def page(daemon: Daemon) -> Iterator[PanelPage]:
    page = PanelPage(f"{daemon.http}/panel/", (WIDTH, HEIGHT))
    page.until(IDLE)
    yield page
    assert page.errors == []


def opened(page: PanelPage, plate: str) -> PanelPage:
    page.do("type", id="path", text=plate)
    page.do("choose", id="engine", value="disc")
    page.press("open", "160x90, 1001-1012.")
    page.picture_is_shown()
    return page


def overlay(page: PanelPage, before: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return where the picture looks otherwise than before, in plate pixels."""
    box = page.do("box", id="picture")
    changed = np.abs(page.screenshot().astype(int) - before).max(axis=2) > 20
    left, top, right, bottom = (
        round(each) for each in (box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"])
    )
    seen = changed[top:bottom, left:right].astype(np.float64)
    return np.asarray(cv2.resize(seen, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.float64)


def disc(frame: int) -> NDArray[np.float64]:
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    x, y = centre(frame)
    return np.asarray(np.hypot(columns - x, rows - y) <= RADIUS, np.float64)


def test_a_click_lays_its_matte_over_the_object(page: PanelPage, plate: str) -> None:
    opened(page, plate)
    before = page.screenshot()
    page.click(*centre(FIRST))
    assert iou(overlay(page, before), disc(FIRST)) > 0.93, "at a view of 2.6 pixels a plate pixel"


def test_an_alt_click_takes_away_and_undo_gives_it_back(page: PanelPage, plate: str) -> None:
    opened(page, plate)
    x, y = centre(FIRST)
    page.click(x, y)
    page.click(x + 12, y, alt=True)
    (thing,) = page.state["objects"]
    assert [point["foreground"] for point in thing["prompts"]["1001"]["points"]] == [True, False]
    left = mattes_of(page, FIRST)
    assert left[round(y), round(x) + 12] == 0
    assert left[round(y), round(x)] == 1
    page.do("press", id="undo")
    page.settle()
    assert mattes_of(page, FIRST)[round(y), round(x) + 12] == 1
    page.do("press", id="redo")
    page.settle()
    assert mattes_of(page, FIRST)[round(y), round(x) + 12] == 0


def mattes_of(page: PanelPage, frame: int) -> NDArray[np.float64]:
    """Return the coverage that the panel has for its object on a frame."""
    rows = page.do(
        "evaluate",
        code=f"""(() => {{ const matte = Rotolink.panel.desk.state.objects[0].mattes.get({frame});
        const all = []; for (let y = 0; y < {HEIGHT}; y += 1) for (let x = 0; x < {WIDTH}; x += 1)
        all.push(Rotolink.shapes.coverage(matte, x, y)); return all; }})()""",
    )
    return np.array(rows).reshape(HEIGHT, WIDTH) / 255


def test_a_box_selects_what_is_in_it(page: PanelPage, plate: str) -> None:
    opened(page, plate)
    x, y = centre(FIRST)
    page.box(x + 24, y + 24, x - 24, y - 24)
    (thing,) = page.state["objects"]
    box = thing["prompts"]["1001"]["box"]
    assert [box[side] for side in ("x0", "y0", "x1", "y1")] == pytest.approx([x - 24, y - 24, x + 24, y + 24], abs=0.5)
    assert iou(mattes_of(page, FIRST), disc(FIRST)) > 0.95


def test_what_is_tracked_and_applied_is_a_script_whose_masks_are_the_mattes(
    page: PanelPage, plate: str, daemon: Daemon
) -> None:
    opened(page, plate)
    page.click(*centre(FIRST))
    page.press("both", "is tracked.")
    page.press("apply", "now in a .jsx file. Run it in After Effects")
    (download,) = page.do("downloads")
    state = page.state
    layer = {"name": "plate", "width": WIDTH, "height": HEIGHT, "pixelAspect": 1}
    comp = {"width": WIDTH, "height": HEIGHT, "pixelAspect": 1, "frameRate": RATE, "duration": 2}
    times = [frame / RATE for frame in range(len(FRAMES))]
    result = javascript.run(
        "jsx", {"script": download["text"], "setup": {"comp": comp, "layers": [layer], "selected": [0]}, "times": times}
    )
    assert result["alerts"] == []
    truth = mattes(daemon.http, state["session"], state["objects"][0]["id"], FRAMES)
    assert sorted(truth) == list(FRAMES)
    for at, frame in enumerate(FRAMES):
        assert iou(covered(result["layers"][0]["masks"], at, (WIDTH, HEIGHT)), truth[frame]) >= 0.95, frame
        assert iou(truth[frame], disc(frame)) >= 0.95


@pytest.mark.parametrize(
    ("path", "words"),
    [("", "Write the plate's path first"), ("/nowhere/plate.####.exr", "/nowhere"), ("relative.####.png", "relative")],
)
def test_a_path_that_is_none_is_answered_by_a_sentence(page: PanelPage, path: str, words: str) -> None:
    page.do("type", id="path", text=path)
    page.press("open", words)
    assert page.state["isError"]
    assert page.state["plate"] is None


def test_what_comes_too_early_is_answered_by_a_sentence(page: PanelPage, plate: str) -> None:
    opened(page, plate)
    for button, words in (
        ("both", "Point at the object"),
        ("apply", "nothing to apply"),
        ("refine", "Apply the object first"),
    ):
        page.press(button, words)
    page.click(*centre(FIRST))
    page.press("apply", "1 mask with")
    page.press("refine", "open the panel inside After Effects")


def test_frames_are_gone_to_by_key_and_on_the_timeline(page: PanelPage, plate: str) -> None:
    opened(page, plate)
    page.do("evaluate", code="document.activeElement.blur()")
    page.do("key", name="ArrowRight")
    assert page.state["frame"] == FIRST + 1
    page.do("key", name="Shift+ArrowRight")
    page.do("key", name="ArrowRight")
    assert page.state["frame"] == LAST


def test_a_daemon_that_is_killed_and_comes_back_has_the_work_again(tmp_path: Path, plate: str) -> None:
    javascript.chromium()
    with serving(tmp_path, panel_folder=str(PANEL)) as daemon:
        page = PanelPage(f"{daemon.http}/panel/", (WIDTH, HEIGHT))
        page.until(IDLE)
        opened(page, plate)
        page.click(*centre(FIRST))
        daemon.kill()
        page.until_said("No daemon answers.")
        page.click(centre(FIRST)[0] + 3, centre(FIRST)[1])
        page.until_said("start it, or wait")
        assert len(page.state["objects"][0]["prompts"]["1001"]["points"]) == 1, "a click that went nowhere is none"
        daemon.start_again()
        page.until_said("The daemon is back, and your work with it.")
        page.press("both", "is tracked.")
        assert len(page.state["objects"][0]["found"]) == len(FRAMES)
        assert page.errors == []
