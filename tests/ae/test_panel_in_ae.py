"""The panel in the realms of After Effects' two kinds of panels, before a strict stand-in of its document model."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import javascript
import pytest
from ae_panel import IDLE, PanelPage, covered, installed, iou, mattes
from serving import FIRST, HEIGHT, LAST, WIDTH, Daemon, centre, picture, serving

from roto_shapes.shot import FrameRange

COUNT = LAST - FIRST + 1
RATE = 24
COMP = {"width": WIDTH, "height": HEIGHT, "pixelAspect": 1, "frameRate": RATE, "duration": COUNT / RATE}
FOOTAGE = {"name": "disc", "width": WIDTH, "height": HEIGHT, "pixelAspect": 1, "frameRate": RATE}
PATH = "ADBE Mask Shape"


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    javascript.chromium()
    with serving(tmp_path_factory.mktemp("panel")) as running:
        yield running


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory, daemon: Daemon) -> Path:
    return installed(tmp_path_factory.mktemp("installed") / "rotolink", daemon.http)


@pytest.fixture(scope="module")
def first_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("plate")
    for frame in range(FIRST, LAST + 1):
        cv2.imwrite(str(folder / f"disc.{frame}.png"), picture(frame))
    return str(folder / f"disc.{FIRST}.png")


def begun(panel: Path, realm: str, **setup: Any) -> PanelPage:  # noqa: ANN401 - of the stand-in
    domains = json.loads((panel.parent / "manifest.json").read_text(encoding="utf-8"))["requiredPermissions"][
        "network"
    ]["domains"]
    page = PanelPage(
        panel.as_uri(), (WIDTH, HEIGHT), realm=realm, setup={"comp": COMP, "selected": [0], **setup}, domains=domains
    )
    page.until(IDLE)
    page.do("choose", id="engine", value="disc")
    return page


def opened(page: PanelPage, words: str = "160x90") -> PanelPage:
    page.press("open", words)
    page.picture_is_shown()
    return page


def tracked_and_applied(page: PanelPage, frame: int = FIRST) -> PanelPage:
    page.click(*centre(frame))
    page.press("both", "is tracked.")
    page.press("apply", "1 mask with")
    return page


def masks(page: PanelPage, start: float = 0.0, layer: str = "disc") -> Any:  # noqa: ANN401 - a dump's masks
    """Return the masks of a layer as they are on the plate's frames, which start at a time of the composition."""
    dump = page.do("dump", times=[start + frame / RATE for frame in range(COUNT)])
    assert (dump["depth"], dump["outside"]) == (0, [])
    (found,) = [each["masks"] for each in dump["layers"] if each["name"] == layer]
    return found


def worst(page: PanelPage, daemon: Daemon, start: float = 0.0, layer: str = "disc") -> float:
    """Return the least agreement of the masks with the daemon's mattes over all frames."""
    state = page.state
    frames = FrameRange(state["plate"]["frames"]["first"], state["plate"]["frames"]["last"])
    truth = mattes(daemon.http, state["session"], state["objects"][0]["id"], frames)
    assert len(truth) == COUNT
    drawn = masks(page, start, layer)
    assert len(drawn) == 1
    return min(iou(covered(drawn, at, (WIDTH, HEIGHT)), matte) for at, matte in enumerate(truth.values()))


def ends_well(page: PanelPage, realm: str = "uxp") -> None:
    assert page.errors == []
    if realm == "uxp":
        assert page.do("evaluate", code="afterEffects.problems") == []


@pytest.mark.parametrize(("realm", "bare"), [("uxp", False), ("uxp", True), ("cep", False)])
def test_masks_on_the_layer_are_the_mattes_and_edits_of_them_are_kept(
    panel: Path,
    daemon: Daemon,
    first_file: str,
    realm: str,
    bare: bool,  # noqa: FBT001 - a parameter of pytest
) -> None:
    page = opened(begun(panel, realm, layers=[{**FOOTAGE, "file": first_file}], bare=bare))
    tracked_and_applied(page)
    assert worst(page, daemon) >= 0.95
    page.do(
        "host" if realm == "cep" else "evaluate",
        code=f"""(function () {{
            var ae = {"app" if realm == "cep" else "afterEffects.app"};
            var path = ae.project.activeItem.layer(1).property("Masks").property(1).property("{PATH}");
            ae.beginUndoGroup("by hand");
            var time = path.keyTime(2), shape = path.keyValue(2), places = shape.vertices;
            places[0] = [places[0][0] + 6, places[0][1] + 5];
            shape.vertices = places;
            path.setValuesAtTimes([time], [shape]);
            ae.endUndoGroup();
        }}())""",
    )
    key = masks(page)[0]["keys"][PATH][1]
    edited = masks(page)[0]["shown"][PATH][round(key * RATE)]
    page.press("refine", f"Kept your edits on {FIRST + round(key * RATE)}.")
    again = masks(page)
    assert len(again) == 1, "the masks of before are gone"
    kept = again[0]["shown"][PATH][round(key * RATE)]
    assert kept["vertices"] == [pytest.approx(each, abs=0.0011) for each in edited["vertices"]]
    page.press("apply", "1 mask with")
    assert len(masks(page)) == 1
    ends_well(page, realm)


@pytest.mark.parametrize("target", ["layer", "solid"])
def test_masks_follow_a_layer_that_starts_later(panel: Path, daemon: Daemon, first_file: str, target: str) -> None:
    start = 5 / RATE
    comp = {**COMP, "duration": 2}
    page = opened(begun(panel, "uxp", comp=comp, layers=[{**FOOTAGE, "file": first_file, "startTime": start}]))
    page.do("choose", id="target", value=target)
    tracked_and_applied(page)
    name = "disc" if target == "layer" else "disc matte"
    assert worst(page, daemon, start, name) >= 0.95
    page.press("apply", "1 mask with")
    assert worst(page, daemon, start, name) >= 0.95, "and once more, where the solid is there already"
    page.do("evaluate", code=f"afterEffects.app.project.activeItem.time = {start + 3.2 / RATE}")
    page.until(f"Rotolink.panel.desk.state.frame === {FIRST + 3}")
    ends_well(page)


def test_places_are_plate_pixels_where_pixels_are_not_square(panel: Path, daemon: Daemon, first_file: str) -> None:
    layers = [{**FOOTAGE, "file": first_file, "pixelAspect": 2}]
    page = opened(begun(panel, "uxp", comp={**COMP, "pixelAspect": 2}, layers=layers))
    tracked_and_applied(page)
    assert worst(page, daemon) >= 0.95
    ends_well(page)


@pytest.mark.parametrize("thenable", [True, False])
def test_what_has_no_file_is_rendered_and_sent(panel: Path, daemon: Daemon, thenable: bool) -> None:  # noqa: FBT001 - as above
    frames = {}
    for at in range(COUNT):
        done, data = cv2.imencode(".png", picture(FIRST + at))
        assert done
        frames[str(at)] = base64.b64encode(data.tobytes()).decode()
    layers = [{**FOOTAGE, "kind": "comp", "duration": 1}]
    page = opened(begun(panel, "uxp", layers=layers, frames=frames, thenable=thenable), "is a composition")
    tracked_and_applied(page)
    assert worst(page, daemon) >= 0.95
    assert page.do("dump", times=[])["factor"] == [2, 2], "the resolution is as it was"
    assert page.do("evaluate", code="afterEffects.files.size") == 0
    ends_well(page)


@pytest.mark.parametrize("realm", ["uxp", "cep"])
def test_what_is_not_one_layer_of_a_plate_is_refused_with_a_sentence(panel: Path, first_file: str, realm: str) -> None:
    good = {**FOOTAGE, "file": first_file}
    cases: list[tuple[dict[str, Any], str]] = [
        ({"comp": None, "layers": [], "selected": []}, "Open the composition"),
        ({"layers": [good], "selected": []}, "Select the layer of the plate first"),
        ({"layers": [good, good], "selected": [0, 1]}, "Several layers are selected"),
        ({"layers": [{"name": "title", "kind": "text"}]}, "'title' does not show a plate"),
        ({"layers": [{"name": "form", "kind": "shape"}]}, "'form' does not show a plate"),
        ({"layers": [{**good, "stretch": 200}]}, "stretched or remapped in time"),
        ({"layers": [{**good, "timeRemapEnabled": True}]}, "stretched or remapped in time"),
    ]
    for setup, words in cases if realm == "uxp" else cases[::3]:
        page = begun(panel, realm, **setup)
        page.press("open", words)
        assert page.state["isError"]
        ends_well(page, realm)


def test_masks_that_would_lie_elsewhere_are_refused(panel: Path, first_file: str) -> None:
    comp = {**COMP, "width": 2 * WIDTH}
    page = opened(begun(panel, "uxp", comp=comp, layers=[{**FOOTAGE, "file": first_file}]))
    page.click(*centre(FIRST))
    page.do("choose", id="target", value="solid")
    page.press("apply", "masks would lie elsewhere")
    page.do("choose", id="target", value="layer")
    page.press("apply", "1 mask with")
    ends_well(page)


def test_a_daemon_beyond_the_manifest_is_told_and_nothing_is_thrown(panel: Path, first_file: str) -> None:
    setup = {"comp": COMP, "layers": [{**FOOTAGE, "file": first_file}], "selected": [0]}
    page = PanelPage(panel.as_uri(), (WIDTH, HEIGHT), realm="uxp", setup=setup, domains=["ws://127.0.0.1:1"])
    page.until_said("Permission denied to the url")
    ends_well(page)


def test_an_absent_daemon_is_told_and_nothing_is_thrown(tmp_path: Path, first_file: str) -> None:
    panel = installed(tmp_path / "rotolink", "http://127.0.0.1:9")
    setup = {"comp": COMP, "layers": [{**FOOTAGE, "file": first_file}], "selected": [0]}
    page = PanelPage(panel.as_uri(), (WIDTH, HEIGHT), realm="uxp", setup=setup, domains=["ws://127.0.0.1:9"])
    page.until_said("No daemon answers. Start it with: roto-daemon serve.")
    page.do("evaluate", code="Rotolink.panel.desk.openPlate()")
    page.until_said("No daemon answers")
    ends_well(page)
