"""The quality report of a fit: one HTML page that needs nothing beside it, or the same numbers as JSON."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from roto_daemon.errors import FitError, writing
from roto_daemon.fitting.attention import WORST_FACTOR, Reason
from roto_daemon.fitting.outline import visible
from roto_daemon.fitting.quality import (
    FrameQuality,
    Quality,
    drawn_shapes,
    edge_errors,
    measure_quality,
    outlines_to_match,
)
from roto_daemon.pictures import Matte, Picture
from roto_daemon.plates.overlay import View, draw_editable, is_keyed, shapes_at
from roto_shapes.files import write_whole
from roto_shapes.fit_options import FitOptions
from roto_shapes.shape import Roto
from roto_shapes.shot import spans

REPORT_ENDINGS = (".html", ".json")

_MOST_PICTURES = 8
_WORST_SHOWN = 4
_CARD = (660, 440)
"""Width and height of a picture: two stand side by side on a screen."""
_MARGIN = 0.08
"""Of the object's size, kept free around it."""
_GROUND, _MATTE = 26, 70
"""Grey of what a matte leaves out, and what full coverage adds to it: lines and points must lead."""
_RING, _RING_PX = (255, 120, 90), 22
"""Drawn round the worst place, so that the eye need not look for it."""
_DIMMED = 0.82
"""The plate beneath is darkened a little for the same reason."""
_MASK_EDGE = (120, 132, 150)
_JPEG_QUALITY = 88
_CHART = (1320, 200)
_STRIP_LEFT, _STRIP_ROW = 170, 26
_RAMP = np.array([[70, 200, 120], [240, 215, 60], [245, 60, 50]], float)
"""Colours of an error of nothing, of one tolerance, and of two and more."""

_STYLE = """
:root{color-scheme:dark}*{box-sizing:border-box}
body{margin:0;background:#1b1b1d;color:#dcdcde;font:15px/1.5 system-ui,"Segoe UI",sans-serif}
main{max-width:1400px;margin:0 auto;padding:32px 40px}
h1{font-size:28px;margin:0}h2{font-size:18px;margin:36px 0 10px}p{margin:4px 0}.quiet{color:#9a9aa0}
.numbers{display:flex;flex-wrap:wrap;gap:12px;margin-top:20px}
.numbers div{background:#262629;border-radius:6px;padding:10px 14px;min-width:96px}
.numbers b{display:block;font-size:22px;font-weight:600}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th{color:#9a9aa0;font-weight:500}th,td{text-align:right;padding:5px 10px;border-bottom:1px solid #333337}
th:first-child,td:first-child{text-align:left}
ol{margin:0;padding:0;list-style:none}li{background:#262629;border-left:3px solid #e0a030;padding:7px 14px;margin:5px 0}
li b{display:inline-block;min-width:110px}a{color:#e8c060}
svg{background:#232326;border-radius:6px;display:block;width:100%;height:auto}text{fill:#9a9aa0;font-size:12px}
figure{margin:0 0 22px;background:#262629;padding:12px;border-radius:6px}
figure div{display:flex;gap:10px}img{width:50%;min-width:0;display:block}
figcaption{margin-bottom:8px}details{margin-top:30px}summary{cursor:pointer;font-size:18px}
i{display:inline-block;width:20px;height:4px;margin:0 6px 3px 14px;border-radius:2px}
"""


def _no_picture(frame: int) -> None:
    del frame


@dataclasses.dataclass(frozen=True)
class ReportSource:
    """What a report shows beside its numbers."""

    title: str
    roto: Roto
    quality: Quality
    matte_of: Callable[[int], Matte]
    """The matte of a frame, read again."""
    outlines_of: Callable[[Matte], Sequence[NDArray[np.float64]]]
    """The masks' edge as it was fitted: polylines in plate pixels."""
    picture_of: Callable[[int], Picture | None] = _no_picture
    """A frame of the plate, where there is one to see."""


@dataclasses.dataclass(frozen=True)
class Measured:
    """What a report measures."""

    title: str
    roto: Roto
    """Shapes without their feather."""
    options: FitOptions
    judged_px: float
    """What frames are judged by."""
    known: Mapping[int, list[Reason]]
    """What else asks for a look at frames."""


def measure_fit(
    fit: Measured,
    mattes: Iterable[tuple[int, Matte]],
    matte_of: Callable[[int], Matte],
    picture_of: Callable[[int], Picture | None] | None = None,
) -> ReportSource:
    """Measure shapes against their masks, in rising frame order, let go one by one, for reports to be written."""
    options, size = fit.options, (fit.roto.plate.width, fit.roto.plate.height)

    def outlines_of(matte: Matte) -> list[NDArray[np.float64]]:
        return [one.points for one in outlines_to_match(matte, size, options.threshold, options.offset_px)]

    quality = measure_quality(fit.roto, mattes, fit.judged_px, options.threshold, options.offset_px, fit.known)
    return ReportSource(fit.title, fit.roto, quality, matte_of, outlines_of, picture_of or _no_picture)


def write_report(file: str, source: ReportSource) -> None:
    """Write a report as its ending says; the file appears whole or not at all. Raises FitError, writing."""
    ending = Path(file).suffix.lower()
    if ending not in REPORT_ENDINGS:
        raise FitError(f"'{file}' must end in {' or '.join(REPORT_ENDINGS)}: the ending tells the form of the report.")
    text = html_report(source) if ending == ".html" else json.dumps(quality_facts(source.quality), indent=2) + "\n"
    with writing(file):
        write_whole(Path(file), text.encode())


def quality_facts(quality: Quality) -> dict[str, object]:
    """Return all numbers as JSON holds them, with a summary over frames first."""
    return {
        "summary": {
            "mean_px": quality.mean("mean_px"),
            "percentile95_px": quality.largest("percentile95_px"),
            "max_px": quality.largest("max_px"),
            "bias_px": quality.mean("bias_px"),
            "overlap": quality.mean("overlap"),
            "flicker_px": quality.rms("flicker_px"),
            "mask_flicker_px": quality.rms("mask_flicker_px"),
            "crossing_frames": sum(frame.crossings > 0 for frame in quality.frames),
            "points": sum(shape.points for shape in quality.shapes),
            "keyframes": sum(len(shape.keyframes) for shape in quality.shapes),
        },
        **dataclasses.asdict(quality),
    }


def html_report(source: ReportSource) -> str:
    """Return a whole page: styles and pictures inside, no script, nothing fetched."""
    quality, plate = source.quality, source.roto.plate
    shown = _chosen(quality)
    parts = [
        f"<h1>{escape(source.title)}</h1>",
        (
            f'<p class="quiet">frames {plate.frames} · {plate.width} x {plate.height} · '
            f"tolerance {quality.tolerance_px:g} px</p>"
        ),
        _numbers(quality),
        "<h2>Look at these frames first</h2>",
        _look_first(quality, shown),
        "<h2>Distance from the masks' edge, frame by frame</h2>",
        _chart(quality),
        (
            '<p class="quiet"><i style="background:#e8604c"></i>worst place<i style="background:#e8c060"></i>95 %'
            '<i style="background:#58b080"></i>mean<i style="background:#7a7a80"></i>tolerance'
            '<i style="background:#e0a030;border-radius:5px;width:8px;height:8px;margin-bottom:1px"></i>look first</p>'
        ),
        "<h2>Keyframes over time</h2>",
        _strip(quality),
        "<h2>Pictures</h2>",
        (
            '<p class="quiet">Left: what an artist can grab; squares stand on a keyframe, rings in between. Right: '
            "the outline coloured by its distance from the masks' edge, which runs beneath it in grey: "
            f'<i style="background:#46c878"></i>0<i style="background:#f0d73c"></i>{quality.tolerance_px:g} px'
            f'<i style="background:#f53c32"></i>{2 * quality.tolerance_px:g} px and more. '
            "A ring marks the worst place.</p>"
        ),
        *(_figure(source, frame) for frame in shown),
        "<h2>Shapes</h2>",
        _shape_table(quality),
        "<details><summary>All frames</summary>",
        _frame_table(quality),
        "</details>",
    ]
    head = f'<meta charset="utf-8"><title>{escape(source.title)}: quality</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><main>{"".join(parts)}</main></body></html>\n'


def _chosen(quality: Quality) -> list[int]:
    """Return the frames to show: the worst ones, and others evenly over the shot."""
    frames = [frame.frame for frame in quality.frames]
    worst = [one.frame for one in quality.look_first[:_WORST_SHOWN]]
    even = np.linspace(0, len(frames) - 1, min(_MOST_PICTURES - len(worst), len(frames)))
    return sorted({*worst, *(frames[round(place)] for place in even)})


def _px(number: float | None) -> str:
    return "-" if number is None else f"{number:.2f}"


def _numbers(quality: Quality) -> str:
    tiles = [
        ("shapes", str(len(quality.shapes))),
        ("control points", str(sum(shape.points for shape in quality.shapes))),
        ("keyframes", str(sum(len(shape.keyframes) for shape in quality.shapes))),
        ("mean error, px", _px(quality.mean("mean_px"))),
        ("worst 95 %, px", _px(quality.largest("percentile95_px"))),
        ("worst place, px", _px(quality.largest("max_px"))),
        ("bias, px", _px(quality.mean("bias_px"))),
        ("flicker, px", _px(quality.rms("flicker_px"))),
        ("masks' flicker, px", _px(quality.rms("mask_flicker_px"))),
        ("frames that cross", str(sum(frame.crossings > 0 for frame in quality.frames))),
    ]
    cells = (f'<div><b>{value}</b><span class="quiet">{escape(label)}</span></div>' for label, value in tiles)
    return f'<div class="numbers">{"".join(cells)}</div>'


def _look_first(quality: Quality, shown: Sequence[int]) -> str:
    if not quality.look_first:
        return '<p class="quiet">None: every frame holds the tolerance on 95 % of its edge, and nothing crosses.</p>'
    rows = []
    for one in quality.look_first:
        name = f"Frame {one.frame}"
        label = f'<a href="#frame{one.frame}">{name}</a>' if one.frame in shown else name
        rows.append(f"<li><b>{label}</b>{escape('; '.join(one.reasons))}</li>")
    through = spans(quality.doubtful_frames)
    note = f'<p class="quiet">Masks drawn through: {through}</p>' if through else ""
    return f"<ol>{''.join(rows)}</ol>{note}"


def _across(quality: Quality, frame: float, left: float, right: float) -> float:
    first, last = quality.frames[0].frame, quality.frames[-1].frame
    return left + (frame - first) / max(last - first, 1) * (right - left)


def _chart(quality: Quality) -> str:
    width, height = _CHART
    top = max(quality.largest("max_px") or 0.0, 1.5 * quality.tolerance_px) * 1.05

    def line(name: str, colour: str) -> str:
        runs: list[list[str]] = [[]]
        for frame in quality.frames:
            value = getattr(frame, name)
            if value is None:
                runs.append([])
                continue
            x = _across(quality, frame.frame, 50, width - 20)
            runs[-1].append(f"{x:.1f},{(height - 24) * (1 - value / top) + 4:.1f}")
        drawn = (
            f'<polyline points="{" ".join(run)}" fill="none" stroke="{colour}" stroke-width="2"/>'
            for run in runs
            if run
        )
        return "".join(drawn)

    level = (height - 24) * (1 - quality.tolerance_px / top) + 4
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="error over time">'
        f'<line x1="50" x2="{width - 20}" y1="{level:.1f}" y2="{level:.1f}" stroke="#7a7a80" stroke-dasharray="6 5"/>'
        f'<text x="8" y="{level + 4:.1f}">{quality.tolerance_px:g} px</text><text x="8" y="16">{top:.1f}</text>'
        f"{line('max_px', '#e8604c')}{line('percentile95_px', '#e8c060')}{line('mean_px', '#58b080')}"
        f"{_look_marks(quality, 50, width - 20)}{_frame_marks(quality, 50, width - 20, height - 5)}</svg>"
    )


def _look_marks(quality: Quality, left: float, right: float) -> str:
    """Return a mark at each frame that needs a look first."""
    return "".join(
        f'<circle cx="{_across(quality, one.frame, left, right):.1f}" cy="6" r="4" fill="#e0a030">'
        f"<title>{one.frame}: {escape('; '.join(one.reasons))}</title></circle>"
        for one in quality.look_first
    )


def _frame_marks(quality: Quality, left: float, right: float, baseline: float) -> str:
    frames = [frame.frame for frame in quality.frames]
    picked = sorted({frames[round(place)] for place in np.linspace(0, len(frames) - 1, min(9, len(frames)))})
    return "".join(
        f'<text x="{_across(quality, frame, left, right):.1f}" y="{baseline}" text-anchor="middle">{frame}</text>'
        for frame in picked
    )


def _strip(quality: Quality) -> str:
    width, left, row = _CHART[0], _STRIP_LEFT, _STRIP_ROW
    height = row * len(quality.shapes) + 28
    parts = []
    for number, shape in enumerate(quality.shapes):
        y = 6 + number * row
        first, last = (_across(quality, frame, left, width - 20) for frame in (shape.first, shape.last))
        parts.append(
            f'<text x="10" y="{y + 14}">{escape(shape.name)} · {len(shape.keyframes)}</text>'
            f'<rect x="{first - 4:.1f}" y="{y}" width="{last - first + 8:.1f}" height="{row - 8}" fill="#37373c"/>'
        )
        for key in shape.keyframes:
            x = _across(quality, key, left, width - 20)
            parts.append(
                f'<rect x="{x - 2.5:.1f}" y="{y + 2}" width="5" height="{row - 12}" fill="#e8c060">'
                f"<title>{escape(shape.name)}: keyframe {key}</title></rect>"
            )
    marks = _frame_marks(quality, left, width - 20, height - 6)
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="keyframes">{"".join(parts)}{marks}</svg>'


def _figure(source: ReportSource, frame: int) -> str:
    matte, picture = source.matte_of(frame), source.picture_of(frame)
    grey = np.round(_GROUND + _MATTE * matte).astype(np.uint8)
    base: Picture = np.repeat(grey[..., None], 3, axis=2)
    beneath = base if picture is None else np.round(picture * _DIMMED).astype(np.uint8)
    lines = [line for _, line in drawn_shapes(source.roto, frame)]
    reference = list(source.outlines_of(matte))
    view = _view([*lines, *reference], source.roto)
    editable = view.show(beneath)
    for shape, points in shapes_at(source.roto, frame):
        draw_editable(editable, view, shape, points, keyed=is_keyed(shape, frame))
    mapped = view.show(base)
    _draw_errors(mapped, view, lines, reference, source.quality.tolerance_px)
    worst = _worst_place(lines, reference, source)
    if worst is not None:
        for image in (editable, mapped):
            cv2.circle(image, tuple(map(int, view.place(worst))), _RING_PX << 4, _RING, 2, cv2.LINE_AA, 4)
    numbers = next(each for each in source.quality.frames if each.frame == frame)
    return (
        f'<figure id="frame{frame}"><figcaption><b>Frame {frame}</b> <span class="quiet">{_caption(numbers)}</span>'
        f"</figcaption><div>{_image(editable, f'frame {frame}: outline and control points')}"
        f"{_image(mapped, f'frame {frame}: error map')}</div></figure>"
    )


def _caption(frame: FrameQuality) -> str:
    return f"mean {_px(frame.mean_px)} px · 95 % {_px(frame.percentile95_px)} px · worst {_px(frame.max_px)} px"


def _view(lines: Sequence[NDArray[np.float64]], roto: Roto) -> View:
    """Return the view of all lines with a margin, in the shape of a card."""
    width, height = _CARD
    whole = np.vstack([*lines]) if lines else np.array([[0, 0], [roto.plate.width, roto.plate.height]], float)
    low, high = whole.min(axis=0), whole.max(axis=0)
    extent = np.maximum((high - low) * (1 + 2 * _MARGIN), 16)
    scale = min(width / (extent[0] * roto.plate.pixel_aspect), height / extent[1])
    scales = np.array([scale * roto.plate.pixel_aspect, scale])
    left, top = (low + high) / 2 - np.array([width, height]) / scales / 2
    return View(float(left), float(top), float(scales[0]), float(scales[1]), width, height)


def _draw_errors(
    image: Picture,
    view: View,
    lines: Sequence[NDArray[np.float64]],
    reference: Sequence[NDArray[np.float64]],
    tolerance_px: float,
) -> None:
    for line in reference:
        cv2.polylines(image, [view.place(line)], True, _MASK_EDGE, 1, cv2.LINE_AA, 4)  # noqa: FBT003 - OpenCV's order
    for line in lines:
        points, errors = edge_errors(line, reference)
        colours = np.stack([np.interp(errors / tolerance_px, [0, 1, 2], channel) for channel in _RAMP.T], axis=1)
        places = view.place(points)
        for start, end, colour in zip(places, np.roll(places, -1, axis=0), colours, strict=True):
            ends = np.stack([start, end])
            cv2.polylines(image, [ends], False, colour.tolist(), 3, cv2.LINE_AA, 4)  # noqa: FBT003 - the same


def _worst_place(
    lines: Sequence[NDArray[np.float64]], reference: Sequence[NDArray[np.float64]], source: ReportSource
) -> NDArray[np.float64] | None:
    """Return where one edge lies furthest from the other inside the plate, (2,) px; None where that is near enough."""
    worst, place, plate = WORST_FACTOR * source.quality.tolerance_px, None, source.roto.plate
    for edges, others in ((lines, reference), (reference, lines)):
        for line in edges:
            points, errors = edge_errors(line, others)
            errors = np.where(visible(points, plate.width, plate.height), errors, 0.0)
            number = int(np.argmax(errors))
            if worst < errors[number] < np.inf:
                worst, place = float(errors[number]), points[number]
    return place


def _image(picture: Picture, words: str) -> str:
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    packed = base64.b64encode(data.tobytes()).decode()
    return f'<img alt="{escape(words)}" src="data:image/jpeg;base64,{packed}">'


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _shape_table(quality: Quality) -> str:
    heads = (
        "shape",
        "frames",
        "points",
        "keys",
        "jitter px",
        "slide px",
        "kinks",
        "too close",
        "long handles",
        "flips",
    )
    rows = [
        (
            f"{shape.name}{' (cuts)' * shape.invert}",
            f"{shape.first}-{shape.last}",
            str(shape.points),
            str(len(shape.keyframes)),
            _px(shape.control_jitter_px),
            _px(shape.slide_px),
            str(shape.kinks),
            str(shape.too_close),
            str(shape.long_handles),
            str(shape.flips),
        )
        for shape in quality.shapes
    ]
    return _table(heads, rows)


def _frame_table(quality: Quality) -> str:
    heads = ("frame", "mean px", "95 % px", "worst px", "bias px", "overlap", "flicker px", "masks' px", "crossings")
    rows = [
        (
            str(frame.frame),
            _px(frame.mean_px),
            _px(frame.percentile95_px),
            _px(frame.max_px),
            f"{frame.bias_px:+.2f}",
            f"{frame.overlap:.4f}",
            _px(frame.flicker_px),
            _px(frame.mask_flicker_px),
            str(frame.crossings),
        )
        for frame in quality.frames
    ]
    return _table(heads, rows)
