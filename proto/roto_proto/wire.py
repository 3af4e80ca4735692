"""Values <-> messages, used by both ends and by both ways between them.

`…_to_wire` gives a message's fields as a plain map, of which protobuf (`pb.Plate(**fields)`) and `roto_proto.plain`
make theirs, and never fails on a value that could be made. `…_from_wire` reads messages of either kind and trusts
nothing: it raises ValueError with one sentence for the person at the other end, and never unpacks more than the value
may hold.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Optional, Union

from roto_proto.v1 import schema
from roto_shapes import coverage
from roto_shapes.fit_options import COMMAND_TOLERANCE_PX, FitOptions
from roto_shapes.prompt import BoxPrompt, MaskPrompt, PointPrompt, Prompt
from roto_shapes.shape import ControlPoint, Interpolation, Layer, LayerKeyframe, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate, PlatePath

if TYPE_CHECKING:  # neither protobuf nor Zstandard is needed where the standard library must do
    from roto_proto.v1 import plates_pb2, sessions_pb2
    from roto_proto.v1 import values_pb2 as pb

API_VERSION = (1, 2)
"""Major and minor version of the protocol that this code speaks."""
MESSAGE_LIMIT_BYTES = 8 << 20
"""The largest message that either end takes."""
CHUNK_BYTES = 1 << 20
"""The size of the pieces that pixels travel in: single messages for whole frames are 4 to 7 times slower."""

_LARGEST_FRAME = 2**31 - 1
_LARGEST_MATTE_PIXELS = 2**28
"""16384 x 16384: above any plate, and low enough that one matte cannot fill the memory."""
_PACKING_LEVEL = 1  # mattes are flat: higher levels cost time and win next to nothing
_BYTES = {8: 1, 16: 2}
_PARTS_THAT_HELP = -1

_INTERPOLATION_TO_WIRE = {
    Interpolation.LINEAR: schema.INTERPOLATION_LINEAR,
    Interpolation.SMOOTH: schema.INTERPOLATION_SMOOTH,
}
_INTERPOLATION_FROM_WIRE = {
    schema.INTERPOLATION_UNSPECIFIED: Interpolation.LINEAR,
    schema.INTERPOLATION_LINEAR: Interpolation.LINEAR,
    schema.INTERPOLATION_SMOOTH: Interpolation.SMOOTH,
}

Buffer = Union[bytes, bytearray, memoryview]
Fields = dict[str, Any]
"""A message as a map of its fields; None for what is not there."""


def chunks(content: Buffer, size: int = CHUNK_BYTES) -> Iterator[bytes]:
    """Yield any contiguous buffer in pieces of `size` bytes; each piece is the only copy made."""
    view = memoryview(content).cast("B")
    for start in range(0, len(view), size):
        yield bytes(view[start : start + size])


def frames_to_wire(frames: FrameRange) -> Fields:
    """Return a range as a message."""
    return {"first": frames.first, "last": frames.last}


def frames_from_wire(message: pb.FrameRange) -> FrameRange:
    """Return the range that a message holds."""
    return FrameRange(_frame(message.first), _frame(message.last))


def path_to_wire(source: PlatePath) -> Fields:
    """Return a plate's path as a message."""
    return {
        "path": source.path,
        "frames": None if source.frames is None else frames_to_wire(source.frames),
        "first_frame": source.first_frame,
        "colour_space": source.colour_space,
        "layer": source.layer,
        "ocio_config": source.ocio_config,
        "proxy": source.proxy,
        "handles": source.handles,
        "timecode": source.timecode,
    }


def path_from_wire(message: plates_pb2.PathSource) -> PlatePath:
    """Return the path that a message holds."""
    return PlatePath(
        path=message.path,
        frames=frames_from_wire(message.frames) if message.HasField("frames") else None,
        first_frame=_frame(message.first_frame) if message.HasField("first_frame") else None,
        colour_space=message.colour_space,
        layer=message.layer,
        ocio_config=message.ocio_config,
        proxy=message.proxy,
        handles=message.handles,
        timecode=message.timecode,
    )


def plate_to_wire(plate: Plate) -> Fields:
    """Return a plate as a message."""
    return {
        "width": plate.width,
        "height": plate.height,
        "frames": frames_to_wire(plate.frames),
        "name": plate.name,
        "pixel_aspect": plate.pixel_aspect,
        "frame_rate": plate.frame_rate,
        "colour_space": plate.colour_space,
    }


def plate_from_wire(message: pb.Plate) -> Plate:
    """Return the plate that a message holds; a pixel aspect or frame rate that is not stated is 1 or 24."""
    if not message.HasField("frames"):
        raise ValueError("The plate does not say which frames it has: give their first and last.")
    return Plate(
        width=message.width,
        height=message.height,
        frames=frames_from_wire(message.frames),
        name=message.name,
        pixel_aspect=message.pixel_aspect or 1.0,
        frame_rate=message.frame_rate or 24.0,
        colour_space=message.colour_space,
    )


def point_to_wire(point: ControlPoint) -> Fields:
    """Return a control point as a message."""
    feather = None if point.feather is None else {"x": point.feather[0], "y": point.feather[1]}
    return {
        "x": point.x,
        "y": point.y,
        "in_x": point.in_x,
        "in_y": point.in_y,
        "out_x": point.out_x,
        "out_y": point.out_y,
        "corner": point.corner,
        "feather": feather,
    }


def point_from_wire(message: pb.ControlPoint) -> ControlPoint:
    """Return the control point that a message holds."""
    feather = (message.feather.x, message.feather.y) if message.HasField("feather") else None
    numbers = (message.x, message.y, message.in_x, message.in_y, message.out_x, message.out_y)
    if not all(map(math.isfinite, numbers + (feather or ()))):
        raise ValueError(f"A control point holds a number that is not finite: {numbers + (feather or ())}.")
    return ControlPoint(*numbers, corner=message.corner, feather=feather)


def interpolation_to_wire(interpolation: Interpolation) -> int:
    """Return an interpolation as its number."""
    return _INTERPOLATION_TO_WIRE[interpolation]


def interpolation_from_wire(number: pb.Interpolation.ValueType) -> Interpolation:
    """Return the interpolation of a number; linear when it is not stated."""
    if number not in _INTERPOLATION_FROM_WIRE:
        raise ValueError(f"Interpolation {number} is not known here: ask for linear or smooth.")
    return _INTERPOLATION_FROM_WIRE[number]


def shape_to_wire(shape: Shape) -> Fields:
    """Return a shape as a message, on its layer: bake it before for a peer that did not ask for layers."""
    red, green, blue = shape.colour
    return {
        "name": shape.name,
        "keyframes": [
            {"frame": key.frame, "points": map(point_to_wire, key.points), "locked": key.locked}
            for key in shape.keyframes
        ],
        "lifetime": frames_to_wire(shape.lifetime),
        "closed": shape.closed,
        "invert": shape.invert,
        "interpolation": interpolation_to_wire(shape.interpolation),
        "colour": {"red": red, "green": green, "blue": blue},
        "layer": None if shape.layer is None else _layer_to_wire(shape.layer),
    }


def shape_from_wire(message: pb.Shape) -> Shape:
    """Return the shape that a message holds; white when no colour is stated."""
    if not message.HasField("lifetime"):
        raise ValueError(f"Shape '{message.name}' does not say on which frames it is drawn: give its lifetime.")
    colour = (message.colour.red, message.colour.green, message.colour.blue)
    if not all(map(math.isfinite, colour)):
        raise ValueError(f"The colour {colour} of shape '{message.name}' is not a colour: give numbers from 0 to 1.")
    return Shape(
        name=message.name,
        keyframes=tuple(
            ShapeKeyframe(_frame(key.frame), tuple(map(point_from_wire, key.points)), key.locked)
            for key in message.keyframes
        ),
        lifetime=frames_from_wire(message.lifetime),
        closed=message.closed,
        invert=message.invert,
        interpolation=interpolation_from_wire(message.interpolation),
        colour=colour if message.HasField("colour") else (1.0, 1.0, 1.0),
        layer=_layer_from_wire(message.layer) if message.HasField("layer") else None,
    )


def _layer_to_wire(layer: Layer) -> Fields:
    return {
        "name": layer.name,
        "keyframes": [
            {
                "frame": key.frame,
                "x": key.x,
                "y": key.y,
                "rotation_deg": key.rotation_deg,
                "scale": key.scale,
                "aspect": key.aspect,
                "skew": key.skew,
                "perspective_x": key.perspective[0],
                "perspective_y": key.perspective[1],
            }
            for key in layer.keyframes
        ],
        "pivot_x": layer.pivot[0],
        "pivot_y": layer.pivot[1],
        "interpolation": interpolation_to_wire(layer.interpolation),
    }


def _layer_from_wire(message: pb.Layer) -> Layer:
    return Layer(
        message.name,
        tuple(
            LayerKeyframe(
                _frame(key.frame),
                key.x,
                key.y,
                key.rotation_deg,
                key.scale,
                key.aspect,
                key.skew,
                (key.perspective_x, key.perspective_y),
            )
            for key in message.keyframes
        ),
        (message.pivot_x, message.pivot_y),
        interpolation_from_wire(message.interpolation),
    )


def fit_options_to_wire(options: FitOptions) -> Fields:
    """Return a request that asks for a fit with options; the name stays behind, for the object has one.

    What is not asked for is not sent, so that an older peer misses nothing.
    """
    parts = _PARTS_THAT_HELP if options.parts is None else options.parts
    return {
        "tolerance_px": options.tolerance_px,
        "threshold": options.threshold,
        "interpolation": interpolation_to_wire(options.interpolation),
        "keyframes_at": options.keyframes_at,
        "keyframe_step": options.keyframe_step or 0,
        "points": options.points or 0,
        "parts": 0 if parts == FitOptions().parts else parts,
        "layers": options.layers,
        "offset_px": options.offset_px,
        "feather": options.feather,
    }


def fit_options_from_wire(message: sessions_pb2.FitShapesRequest) -> FitOptions:
    """Return the options that a request asks for; with a budget of points the tolerance may be left out."""
    default = FitOptions()
    usual_px = default.tolerance_px if message.points else COMMAND_TOLERANCE_PX
    return FitOptions(
        tolerance_px=message.tolerance_px or usual_px,
        threshold=message.threshold or default.threshold,
        interpolation=interpolation_from_wire(message.interpolation),
        keyframes_at=tuple(map(_frame, message.keyframes_at)),
        keyframe_step=message.keyframe_step or None,
        points=message.points or None,
        parts=None if message.parts < 0 else message.parts or default.parts,
        layers=message.layers,
        offset_px=message.offset_px,
        feather=message.feather,
    )


def prompt_to_wire(prompt: Prompt, codec: int = schema.MATTE_CODEC_ZSTD) -> Fields:
    """Return a prompt as a message; its mask travels packed by `codec`."""
    box = prompt.box
    return {
        "frame": prompt.frame,
        "points": [{"x": each.x, "y": each.y, "foreground": each.foreground} for each in prompt.points],
        "box": None if box is None else {"x0": box.x0, "y0": box.y0, "x1": box.x1, "y1": box.y1},
        "mask": None if prompt.mask is None else mask_to_wire(prompt.mask, codec),
        "outline": list(map(point_to_wire, prompt.outline)),
    }


def prompt_from_wire(message: pb.Prompt, size: Optional[tuple[int, int]] = None) -> Prompt:
    """Return the prompt that a message holds; with `size`, a mask of another width and height is refused unread."""
    box = message.box
    return Prompt(
        frame=_frame(message.frame),
        points=tuple(PointPrompt(each.x, each.y, each.foreground) for each in message.points),
        box=BoxPrompt(box.x0, box.y0, box.x1, box.y1) if message.HasField("box") else None,
        mask=mask_from_wire(message.mask, size) if message.HasField("mask") else None,
        outline=tuple(map(point_from_wire, message.outline)),
    )


def mask_to_wire(mask: MaskPrompt, codec: int = schema.MATTE_CODEC_ZSTD) -> Fields:
    """Return a mask as a message: cut to what is not empty, and packed by `codec`."""
    left, top, right, bottom = box = coverage.covered_box(mask.coverage, mask.width)
    data = pack_samples(coverage.cut(mask.coverage, mask.width, box), codec)
    header = {
        "width": mask.width,
        "height": mask.height,
        "left": left,
        "top": top,
        "right": right,
        "bottom": bottom,
        "bits": 8,
        "codec": codec,
        "size": len(data),
    }
    return {"header": header, "data": data}


def mask_from_wire(message: pb.MaskPrompt, size: Optional[tuple[int, int]] = None) -> MaskPrompt:
    """Return the mask that a message holds, 16-bit samples as 8-bit ones; `size` as in `prompt_from_wire`."""
    header = message.header
    if size is not None and (header.width, header.height) != size:
        given = f"{header.width}x{header.height}"
        raise ValueError(
            f"The mask has {given} pixels and the plate {size[0]}x{size[1]}: send one of the plate's size."
        )
    samples = unpack_samples(header, message.data)
    part = coverage.high_bytes(samples) if header.bits == _BYTES[16] * 8 else samples
    box = (header.left, header.top, header.right, header.bottom)
    return MaskPrompt(header.width, header.height, coverage.place(part, header.width, header.height, box))


def pack_samples(samples: Buffer, codec: int = schema.MATTE_CODEC_ZSTD) -> bytes:
    """Return samples as MATTE_CODEC_ZSTD or MATTE_CODEC_ZLIB packs them."""
    if codec == schema.MATTE_CODEC_ZLIB:
        return zlib.compress(samples, _PACKING_LEVEL)
    import zstandard  # noqa: PLC0415 - a client of the standard library alone never comes here

    return zstandard.ZstdCompressor(level=_PACKING_LEVEL).compress(samples)


def unpack_samples(header: pb.MatteHeader, data: bytes) -> bytes:
    """Return the samples of the header's box, rows from the top, `bits` a sample.

    Never more than the box holds is unpacked, whatever the data claim.
    """
    expected = samples_size_bytes(header)
    if len(data) != header.size:
        raise ValueError(f"The matte of frame {header.frame} announces {header.size} bytes and brings {len(data)}.")
    if header.codec == schema.MATTE_CODEC_RAW:
        samples = data
    elif header.codec == schema.MATTE_CODEC_ZSTD:
        samples = _unpacked_zstd(data, expected, header.frame)
    elif header.codec == schema.MATTE_CODEC_ZLIB:
        samples = _unpacked_zlib(data, expected, header.frame)
    else:
        raise ValueError(f"The matte of frame {header.frame} does not say how it is packed: use one of MatteCodec.")
    if len(samples) != expected:
        raise ValueError(
            f"The matte of frame {header.frame} unpacks to {len(samples)} bytes where its box holds {expected}."
        )
    return samples


def samples_size_bytes(header: pb.MatteHeader) -> int:
    """Return how many bytes the unpacked samples of a header's box have.

    Raises ValueError for a header that no matte can have.
    """
    if not 1 <= header.width * header.height <= _LARGEST_MATTE_PIXELS:
        raise ValueError(f"A matte of {header.width}x{header.height} pixels is empty or too large to be one.")
    if header.bits not in _BYTES:
        raise ValueError(f"A matte of {header.bits} bits a sample is not known here: send 8 or 16.")
    across, down = header.right - header.left, header.bottom - header.top
    if across < 0 or down < 0 or header.right > header.width or header.bottom > header.height:
        box = f"{header.left},{header.top},{header.right},{header.bottom}"
        raise ValueError(f"The box {box} does not lie inside a matte of {header.width}x{header.height} pixels.")
    return across * down * _BYTES[header.bits]


def matte_parts(header: pb.MatteHeader, data: Buffer) -> Iterator[Fields]:
    """Yield a packed matte as MatteParts; the first carries the header, whose `size` is that of `data`."""
    first: Optional[pb.MatteHeader] = header
    for piece in chunks(data) if len(data) else (b"",):
        yield {"header": first, "data": piece}
        first = None


class MatteAssembler:
    """Joins the pieces of mattes as they come, one matte after the other."""

    def __init__(self) -> None:
        self._header: Optional[pb.MatteHeader] = None
        self._pieces: list[bytes] = []
        self._missing = 0

    def add(self, part: pb.MattePart) -> Optional[tuple[pb.MatteHeader, bytes]]:
        """Take the next piece in; return the header and packed data of the matte that it completes, if any."""
        if part.HasField("header"):
            self.finish()
            self._begin(part.header)
        if self._header is None:
            raise ValueError("A piece of a matte came before its header.")
        self._missing -= len(part.data)
        if self._missing < 0:
            raise ValueError(f"The matte of frame {self._header.frame} brings more bytes than it announces.")
        self._pieces.append(part.data)
        if self._missing:
            return None
        header, self._header = self._header, None
        return header, b"".join(self._pieces)

    def finish(self) -> None:
        """Raise ValueError when a matte is not complete."""
        if self._header is not None:
            raise ValueError(f"The matte of frame {self._header.frame} ended before all of its bytes had come.")

    def _begin(self, header: pb.MatteHeader) -> None:
        expected = samples_size_bytes(header)
        if header.size > expected + expected // 128 + 1024:  # what Zstandard may add to what it cannot compress
            raise ValueError(f"The matte of frame {header.frame} announces more bytes than its box can need.")
        self._header, self._pieces, self._missing = header, [], header.size


def join_matte_parts(parts: Iterable[pb.MattePart]) -> Iterator[tuple[pb.MatteHeader, bytes]]:
    """Yield each matte's header and packed data once its pieces have come."""
    assembler = MatteAssembler()
    for part in parts:
        matte = assembler.add(part)
        if matte is not None:
            yield matte
    assembler.finish()


def _unpacked_zstd(data: bytes, expected: int, frame: int) -> bytes:
    import zstandard  # noqa: PLC0415 - a client of the standard library alone never comes here

    try:
        # A frame that states its size is unpacked to that size whatever max_output_size says: check it first.
        stated = zstandard.frame_content_size(data)
        if stated in {-1, expected}:
            unpacker = zstandard.ZstdDecompressor()
            return unpacker.decompress(data, max_output_size=max(expected, 1), allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise _damaged(frame) from error
    raise ValueError(f"The matte of frame {frame} unpacks to {stated} bytes where its box holds {expected}.")


def _unpacked_zlib(data: bytes, expected: int, frame: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        samples = unpacker.decompress(data, expected + 1)  # one byte more tells that there is more
    except zlib.error as error:
        raise _damaged(frame) from error
    if len(samples) <= expected and not (unpacker.eof and not unpacker.unused_data):
        raise _damaged(frame)
    return samples


def _damaged(frame: int) -> ValueError:
    return ValueError(f"The matte of frame {frame} is damaged: its samples cannot be unpacked.")


def _frame(number: int) -> int:
    if abs(number) > _LARGEST_FRAME:
        raise ValueError(f"Frame {number} is beyond what a shot can count: use -{_LARGEST_FRAME} to {_LARGEST_FRAME}.")
    return number
