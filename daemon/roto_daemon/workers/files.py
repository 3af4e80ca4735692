"""Files that a worker makes of a session's results: mattes, a preview movie, a contact sheet."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from roto_daemon.checkpoints import ModelsFolder
from roto_daemon.config import Config
from roto_daemon.engines.matting import MATTERS, taken_out, weights_of
from roto_daemon.fit_report import Measured, measure_fit, write_report
from roto_daemon.fitting.attention import DRAWN_THROUGH, LOW_CONFIDENCE
from roto_daemon.fitting.cover import filled
from roto_daemon.fitting.raster import render_shapes
from roto_daemon.pictures import Matte
from roto_daemon.plates.images import NO_WEIGHTS
from roto_daemon.plates.matte_files import MatteForm, write_cryptomatte, write_foreground, write_layers, write_matte
from roto_daemon.plates.matte_store import MatteStore
from roto_daemon.plates.preview import PreviewWriter
from roto_daemon.plates.reader import whatever_reads
from roto_daemon.plates.sheet import SheetFacts, contact_sheet, spread, write_sheet
from roto_daemon.workers.beside import Beside
from roto_daemon.workers.footage import Reader, open_footage
from roto_daemon.workers.front import in_front
from roto_daemon.workers.orders import MattingOrder, PlateOrder, unpack_options, unpack_plate
from roto_daemon.workers.pipe import Message, Steps
from roto_daemon.workers.refined import RefinedMattes
from roto_shapes.formats.rotolink_json import read_roto
from roto_shapes.shot import LOOK_FIRST_BELOW


def write_files(args: Message, config: Config) -> Steps:
    """Make the files of an order in its folder; yields progress, and each file with its frame when it is whole."""
    kind = args["kind"]
    if kind in _MATTE_WRITERS:
        yield from _MATTE_WRITERS[kind](_with_matting_named(args, config), config)
    else:
        yield from _WRITERS[kind](args)
    return {}


def _with_matting_named(args: Message, config: Config) -> Message:
    """Return an order whose files tell of the matting as well as of the engine."""
    if not args["matting"]:
        return args
    by = args["matting"]["by"] or MATTERS[0]
    weights = ", ".join(filter(None, (args["weights"], weights_of(by, ModelsFolder.of(config)))))
    return {**args, "engine": f"{args['engine']} + {by}", "weights": weights, "matting_name": by}


def _mattes(args: Message, config: Config) -> Steps:
    def write(file: Path, found: dict[str, Matte], frame: int, _: Reader) -> None:
        write_matte(file, _together(found), frame, _metadata(args), _form(args))

    return (yield from _a_file_a_frame(args, config, args["kind"], write))


def _layers(args: Message, config: Config) -> Steps:
    def write(file: Path, found: dict[str, Matte], frame: int, _: Reader) -> None:
        write_layers(file, _all_objects(args, found), frame, _metadata(args), _form(args))

    return (yield from _a_file_a_frame(args, config, "exr", write))


def _cryptomatte(args: Message, config: Config) -> Steps:
    def write(file: Path, found: dict[str, Matte], frame: int, _: Reader) -> None:
        write_cryptomatte(file, _all_objects(args, found), frame, _metadata(args), _form(args))

    return (yield from _a_file_a_frame(args, config, "exr", write))


def _foreground(args: Message, config: Config) -> Steps:
    def write(file: Path, found: dict[str, Matte], frame: int, reader: Reader) -> None:
        light, space = reader.light(frame)
        write_foreground(file, taken_out(light, _together(found)), space, frame, _metadata(args), _form(args))

    return (yield from _a_file_a_frame(args, config, "exr", write))


def _a_file_a_frame(args: Message, config: Config, ending: str, write: _Write) -> Steps:
    with contextlib.closing(open_footage(PlateOrder.unpack(args["plate"]))) as reader:
        mattes = _Mattes(args)
        if args["matting"]:
            mattes.refine(reader, MattingOrder(**args["matting"]), config)
        for done, frame in enumerate(args["frames"], 1):
            file = Path(args["into"]) / f"{frame}.{ending}"
            found = mattes.by_name(frame)
            if found:
                write(file, found, frame, reader)
                yield {"file": str(file), "frame": frame}
            yield {"done": done, "total": len(args["frames"])}
    return {}


def _all_objects(args: Message, found: dict[str, Matte]) -> dict[str, Matte]:
    """Return a matte of every object, in their order, so that all frames have the same channels."""
    empty = np.zeros_like(next(iter(found.values())))
    return {name: found.get(name, empty) for _, name in args["objects"]}


def _form(args: Message) -> MatteForm:
    plate = unpack_plate(args["facts"])
    return MatteForm(args["bits"], args["compression"], plate.pixel_aspect, plate.frame_rate)


def _title(args: Message) -> str:
    return ", ".join(name for _, name in args["objects"])


def _metadata(args: Message) -> dict[str, str]:
    return {
        "plate": args["plate"]["path"] if args["plate"]["uploaded"] is None else args["facts"]["name"],
        "object": _title(args),
        "engine": args["engine"],
        "weights": args["weights"] or NO_WEIGHTS,
        **({"matting": args["matting_name"]} if "matting_name" in args else {}),
    }


def _preview(args: Message) -> Steps:
    return (yield from _movie(args, "preview.mp4"))


def _alpha_movie(args: Message) -> Steps:
    return (yield from _movie(args, "preview.mov"))


def _movie(args: Message, name: str) -> Steps:
    file = Path(args["into"]) / name
    mattes, roto = _Mattes(args), read_roto(args["roto"])
    with (
        open_footage(PlateOrder.unpack(args["plate"])) as reader,
        PreviewWriter(file, reader.plate, _metadata(args)) as movie,
    ):
        picture_of = whatever_reads(reader.picture)
        shown = np.zeros((reader.size[1], reader.size[0], 3), np.uint8)
        # Every frame from the first to the last: a movie that left out those without a matte would run ahead.
        frames = range(args["frames"][0], args["frames"][-1] + 1)
        for done, frame in enumerate(frames, 1):
            found = picture_of(frame)
            shown = shown if found is None else found
            movie.add(frame, shown, mattes.at(frame), roto)
            yield {"done": done, "total": len(frames)}
    yield {"file": str(file), "frame": None}
    return {}


def _report(args: Message) -> Steps:
    """Measure in a thread: a long shot takes minutes."""
    frames, told = args["frames"], args["measured"]
    file = Path(args["into"]) / args["kind"]
    mattes = _Mattes(args)
    known = {frame: [DRAWN_THROUGH] for frame in told["doubtful"]}
    for frame in mattes.doubted():
        known.setdefault(frame, []).append(LOW_CONFIDENCE)
    options = unpack_options(told["options"])
    fit = Measured(_title(args), read_roto(told["roto"]), options, told["judged_px"], known)

    front = in_front(MatteStore(Path(args["folder"])), told["in_front"], fit.roto.plate)

    def there(frame: int) -> Matte:
        matte = mattes.at(frame)
        if matte is None:
            matte = np.zeros((fit.roto.plate.height, fit.roto.plate.width), np.float32)
        return filled(matte, render_shapes(fit.roto, frame), front(frame)) if front else matte

    def write(tell: Callable[[float], None]) -> None:
        def every() -> Iterator[tuple[int, Matte]]:
            for done, frame in enumerate(frames):
                tell(done / len(frames))
                yield frame, there(frame)

        with open_footage(PlateOrder.unpack(args["plate"])) as reader:
            write_report(str(file), measure_fit(fit, every(), there, whatever_reads(reader.picture)))

    with Beside(write) as work:
        for share in work.progress():
            yield {"done": round(share * len(frames)), "total": len(frames)}
        work.result()
    yield {"file": str(file), "frame": None}
    return {}


def _sheet(args: Message) -> Steps:
    file = Path(args["into"]) / "sheet.png"
    mattes, roto = _Mattes(args), read_roto(args["roto"])
    facts = _facts(args)
    with open_footage(PlateOrder.unpack(args["plate"])) as reader:
        write_sheet(file, contact_sheet(reader, roto, mattes.at, spread(args["frames"]), facts))
    yield {"file": str(file), "frame": None}
    return {}


def _facts(args: Message) -> SheetFacts:
    frames = args["frames"]
    subtitle = f"frames {frames[0]}-{frames[-1]}, {args['engine']}"
    errors: dict[int, float] = {}
    for report in args["reports"]:
        for each in report["frames"]:
            errors[each["frame"]] = max(each["max_px"], errors.get(each["frame"], 0.0))
    return SheetFacts(_title(args), subtitle, max(errors.values(), default=None), errors, args["credit"])


class _Mattes:
    """The mattes of an order's objects."""

    def __init__(self, args: Message) -> None:
        self._store = MatteStore(Path(args["folder"]))
        self._objects = [(name, each, frozenset(self._store.frames(each))) for each, name in args["objects"]]
        self._refined: RefinedMattes | None = None

    def refine(self, reader: Reader, order: MattingOrder, config: Config) -> None:
        """Give them from now on the edges that the plate shows."""
        self._refined = RefinedMattes(self._store, reader, order, config)

    def doubted(self) -> list[int]:
        """Return the frames on which an engine trusts one of them little, rising."""
        stored = ((frame, self._store.read(each, frame)) for _, each, frames in self._objects for frame in frames)
        return sorted({frame for frame, matte in stored if matte.confidence < LOOK_FIRST_BELOW})

    def by_name(self, frame: int) -> dict[str, Matte]:
        """Return those of a frame."""
        read = self._refined.read if self._refined else self._as_stored
        return {name: read(each, frame) for name, each, frames in self._objects if frame in frames}

    def _as_stored(self, object_id: int, frame: int) -> Matte:
        return self._store.read(object_id, frame).matte()

    def at(self, frame: int) -> Matte | None:
        """Return them together on a frame, None where no object has a matte."""
        found = self.by_name(frame)
        return _together(found) if found else None


def _together(mattes: dict[str, Matte]) -> Matte:
    """Return the coverage of objects together: the larger one where they overlap."""
    matte: Matte = np.maximum.reduce(list(mattes.values()))
    return matte


_Write = Callable[[Path, dict[str, Matte], int, Reader], None]
_MATTE_WRITERS: dict[str, Callable[[Message, Config], Steps]] = {
    "exr": _mattes,
    "png": _mattes,
    "tif": _mattes,
    "layers": _layers,
    "cryptomatte": _cryptomatte,
    "foreground": _foreground,
}
_WRITERS: dict[str, Callable[[Message], Steps]] = {
    "preview": _preview,
    "movie": _alpha_movie,
    "sheet": _sheet,
    "report.html": _report,
    "report.json": _report,
}
