"""The After Effects panel in headless Chromium, and what its masks cover beside the daemon's mattes."""

from __future__ import annotations

import base64
import shutil
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import javascript
import numpy as np
from edges import SocketEdge
from numpy.typing import NDArray

from roto_daemon.fitting.raster import render_shapes
from roto_shapes.shape import ControlPoint, Roto, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate

PANEL = Path(__file__).parents[2] / "plugins" / "aftereffects_uxp"
ADDRESS = "127.0.0.1:50751"
PATIENCE_MS = 20000
IDLE = "Rotolink.panel && Rotolink.panel.desk.state.link === 'connected' && !Rotolink.panel.desk.state.work"
SIZE = (420, 760)
PATH, OPACITY = "ADBE Mask Shape", "ADBE Mask Opacity"


class PanelPage:
    """The one open panel. `plate_size` is what its mouse places are counted in."""

    def __init__(self, url: str, plate_size: tuple[int, int], size: tuple[int, int] = SIZE, **realm: object) -> None:
        self._plate_size = plate_size
        job = {"executablePath": javascript.chromium(), "url": url, "size": size, **realm}
        self.do("open", **job)

    def do(self, what: str, **job: object) -> Any:  # noqa: ANN401 - what the command gives
        return javascript.run("panel_page", {"do": what, **job})

    @property
    def state(self) -> Any:  # noqa: ANN401 - of the panel's desk
        return self.do(
            "evaluate",
            code="""(() => { const { state, _session } = Rotolink.panel.desk;
            const objects = state.objects.map(({ mattes, ...each }) => each);
            return { ...state, objects, session: _session, work: null }; })()""",
        )

    @property
    def said(self) -> str:
        return str(self.do("evaluate", code="document.getElementById('said').textContent"))

    @property
    def errors(self) -> list[str]:
        """What was thrown and caught by nobody."""
        return list(self.do("errors"))

    def until(self, code: str, patience_ms: int = PATIENCE_MS) -> None:
        assert self.do("wait", code=code, patience=patience_ms), f"it did not come: {self.said!r} {self.errors}"

    def until_said(self, words: str) -> None:
        self.until(f"document.getElementById('said').textContent.includes({words!r})")

    def press(self, button: str, words: str) -> None:
        """Press a button that is enabled, and wait for the panel's sentence about what came of it."""
        self.until(f"!document.getElementById({button!r}).disabled")
        self.do("press", id=button)
        self.until_said(words)
        self.until(IDLE)

    def click(self, x: float, y: float, *, alt: bool = False) -> Any:  # noqa: ANN401 - the picture's box
        box = self.do("mouse", at=(x, y), alt=alt, plate=self._plate_size)
        self.settle()
        return box

    def box(self, x0: float, y0: float, x1: float, y1: float) -> None:
        self.do("mouse", at=(x0, y0), to=(x1, y1), plate=self._plate_size)
        self.settle()

    def settle(self) -> None:
        """Wait until the clicks made so far are answered and shown."""
        code = "Rotolink.panel.desk._waiting.then(() => new Promise((done) => { setTimeout(() => done(true), 60); }))"
        assert self.do("evaluate", code=code)

    def picture_is_shown(self) -> None:
        self.until("document.getElementById('picture').complete && document.getElementById('picture').naturalWidth > 0")

    def screenshot(self) -> NDArray[np.uint8]:
        """Return what is seen, as RGB."""
        data = np.frombuffer(base64.b64decode(self.do("screenshot")), np.uint8)
        shown = cv2.imdecode(data, cv2.IMREAD_COLOR)
        assert shown is not None
        return np.asarray(cv2.cvtColor(shown, cv2.COLOR_BGR2RGB), np.uint8)


def installed(folder: Path, http: str) -> Path:
    """Copy the panel as a host loads it, with a daemon's port in place of the usual one; return its page."""
    shutil.copytree(PANEL, folder, ignore=shutil.ignore_patterns("src", "*.py"))
    for name in ("manifest.json", "panel.js"):
        text = (folder / name).read_text(encoding="utf-8")
        assert ADDRESS in text
        (folder / name).write_text(text.replace(ADDRESS, urlsplit(http).netloc), encoding="utf-8")
    return folder / "index.html"


def mattes(http: str, session: str, object_id: int, frames: FrameRange) -> dict[int, NDArray[np.float64]]:
    """Return the daemon's mattes of an object, read by a socket of our own."""
    whole: dict[int, tuple[Any, bytes]] = {}
    current = 0
    asked = {"session_id": session, "object_id": object_id, "frames": {"first": frames.first, "last": frames.last}}
    with closing(SocketEdge(http)) as edge:
        outcome = edge.call("SessionService/ReadMattes", [asked], metadata={"matte-coding": "zlib"})
    assert outcome.code == "OK", outcome.detail
    for answer in outcome.answers:
        part = answer.matte  # type: ignore[attr-defined] # protobuf
        if part.HasField("header"):
            current = part.header.frame
            whole[current] = (part.header, b"")
        whole[current] = (whole[current][0], whole[current][1] + part.data)
    return {frame: _unpacked(header, data) for frame, (header, data) in whole.items()}


def _unpacked(header: Any, data: bytes) -> NDArray[np.float64]:  # noqa: ANN401 - a protobuf message
    matte = np.zeros((header.height, header.width))
    if header.right > header.left:
        kind = np.dtype("<u2" if header.bits == 16 else "u1")
        rows = np.frombuffer(zlib.decompress(data), kind).reshape(header.bottom - header.top, -1)
        matte[header.top : header.bottom, header.left : header.right] = rows / np.iinfo(kind).max
    return matte


def covered(masks: Any, at: int, size: tuple[int, int], aspect: float = 1.0) -> NDArray[np.float64]:  # noqa: ANN401 - a dump
    """Return what masks of the stand-in cover at the time of a number, by our own rasteriser."""
    shapes = []
    for mask in masks:
        drawn = mask["shown"][PATH][at]
        rows = zip(drawn["vertices"], drawn["inTangents"], drawn["outTangents"], strict=True)
        points = tuple(ControlPoint(*vertex, *into, *out) for vertex, into, out in rows)
        if mask["shown"][OPACITY][at]:
            cuts = mask["maskMode"] == "MaskMode.SUBTRACT"
            shapes.append(Shape(mask["name"], (ShapeKeyframe(0, points),), FrameRange(0, 0), invert=cuts))
    plate = Plate(*size, FrameRange(0, 0), "masks", pixel_aspect=aspect)
    return np.asarray(render_shapes(Roto(plate, tuple(shapes)), 0), np.float64)


def iou(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    first, second = one >= 0.5, other >= 0.5
    return float((first & second).sum() / max((first | second).sum(), 1))
