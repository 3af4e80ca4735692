"""Values survive the way through messages, and nothing that a peer states is believed."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from roto_proto import plain, wire
from roto_proto.msgpack_codec import pack, unpack
from roto_proto.v1 import plates_pb2, sessions_pb2
from roto_proto.v1 import values_pb2 as pb
from roto_shapes import coverage
from roto_shapes.fit_options import FitOptions
from roto_shapes.prompt import BoxPrompt, MaskPrompt, PointPrompt, Prompt
from roto_shapes.shape import ControlPoint, Interpolation, Layer, LayerKeyframe, Shape, ShapeKeyframe
from roto_shapes.shot import FrameRange, Plate, PlatePath

numbers = st.floats(allow_nan=False, allow_infinity=False)
frames = st.integers(-(2**31) + 1, 2**31 - 1)
offsets = st.tuples(numbers, numbers)
points = st.builds(ControlPoint, *[numbers] * 6, st.booleans(), st.none() | offsets)


@st.composite
def ranges(draw: st.DrawFn) -> FrameRange:
    first, last = sorted((draw(frames), draw(frames)))
    return FrameRange(first, last)


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    count = draw(st.integers(2, 4))
    times = sorted(draw(st.sets(frames, min_size=1, max_size=4)))
    outline = st.lists(points, min_size=count, max_size=count).map(tuple)
    return Shape(
        name=draw(st.text(min_size=1).filter(_can_travel)),
        keyframes=tuple(ShapeKeyframe(time, draw(outline), draw(st.booleans())) for time in times),
        lifetime=draw(ranges()),
        closed=draw(st.booleans()),
        invert=draw(st.booleans()),
        interpolation=draw(st.sampled_from(Interpolation)),
        colour=draw(st.tuples(numbers, numbers, numbers)),
    )


@st.composite
def masks(draw: st.DrawFn) -> MaskPrompt:
    width, height = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    pixels = st.lists(st.sampled_from([0, 0, 0, 1, 255]), min_size=width * height, max_size=width * height)
    return MaskPrompt(width, height, bytes(draw(pixels)))


def boxes() -> st.SearchStrategy[BoxPrompt]:
    edges = st.tuples(numbers, numbers).filter(lambda pair: pair[0] < pair[1])
    return st.builds(lambda x, y: BoxPrompt(x[0], y[0], x[1], y[1]), edges, edges)


def _can_travel(text: str) -> bool:
    return text.isprintable()


def header(**changes: int) -> pb.MatteHeader:
    facts = {"width": 8, "height": 6, "left": 2, "top": 1, "right": 6, "bottom": 4, "bits": 8, "size": 12}
    return pb.MatteHeader(frame=7, codec=pb.MATTE_CODEC_RAW, **{**facts, **changes})


def zstd_header(data: bytes, **changes: int) -> pb.MatteHeader:
    message = header(size=len(data), **changes)
    message.codec = pb.MATTE_CODEC_ZSTD
    return message


Travel = Callable[[str, wire.Fields], Any]


def by_protobuf(kind: str, fields: wire.Fields) -> Any:  # noqa: ANN401 - either kind of message
    made = next(getattr(file, kind) for file in (pb, plates_pb2, sessions_pb2) if hasattr(file, kind))
    return made.FromString(made(**fields).SerializeToString())


def by_maps(kind: str, fields: wire.Fields) -> Any:  # noqa: ANN401 - either kind of message
    return plain.from_map(kind, unpack(pack(plain.to_map(kind, fields))))


both_ways = pytest.mark.parametrize("travel", [by_protobuf, by_maps])


@both_ways
@given(ranges())
def test_a_range_comes_back_as_it_was(travel: Travel, value: FrameRange) -> None:
    assert wire.frames_from_wire(travel("FrameRange", wire.frames_to_wire(value))) == value


@both_ways
@given(
    st.builds(
        Plate,
        st.integers(1, 2**32 - 1),
        st.integers(1, 2**32 - 1),
        ranges(),
        st.text().filter(_can_travel),
        st.floats(1e-3, 1e3),
        st.floats(1e-3, 1e3),
        st.text().filter(_can_travel),
    )
)
def test_a_plate_comes_back_as_it_was(travel: Travel, value: Plate) -> None:
    assert wire.plate_from_wire(travel("Plate", wire.plate_to_wire(value))) == value


TEXTS = st.text().filter(_can_travel)


@both_ways
@given(
    st.builds(
        PlatePath,
        path=TEXTS,
        frames=st.none() | ranges(),
        first_frame=st.none() | st.integers(-(2**31) + 1, 2**31 - 1),
        colour_space=TEXTS,
        layer=TEXTS,
        ocio_config=TEXTS,
        proxy=TEXTS,
        handles=st.integers(0, 2**32 - 1),
        timecode=TEXTS,
    )
)
def test_a_path_comes_back_as_it_was(travel: Travel, value: PlatePath) -> None:
    assert wire.path_from_wire(travel("PathSource", wire.path_to_wire(value))) == value


@both_ways
@given(shapes())
def test_a_shape_comes_back_as_it_was(travel: Travel, value: Shape) -> None:
    assert wire.shape_from_wire(travel("Shape", wire.shape_to_wire(value))) == value


@both_ways
@given(
    frames,
    st.lists(st.builds(PointPrompt, numbers, numbers, st.booleans()), max_size=3).map(tuple),
    st.none() | boxes(),
    st.none() | masks() | st.lists(points, min_size=1, max_size=4).map(tuple),
)
def test_a_prompt_comes_back_as_it_was(
    travel: Travel,
    frame: int,
    clicks: tuple[PointPrompt, ...],
    box: BoxPrompt,
    whole: MaskPrompt | tuple[ControlPoint, ...] | None,
) -> None:
    mask = whole if isinstance(whole, MaskPrompt) else None
    outline = whole if isinstance(whole, tuple) else ()
    value = Prompt(frame, clicks, box, mask, outline)
    assert wire.prompt_from_wire(travel("Prompt", wire.prompt_to_wire(value))) == value


@given(masks())
def test_a_mask_travels_without_its_empty_border(mask: MaskPrompt) -> None:
    sent = pb.MaskPrompt(**wire.mask_to_wire(mask)).header
    lit = [divmod(place, mask.width) for place, value in enumerate(mask.coverage) if value]
    expected = (
        (
            min(x for _, x in lit),
            min(y for y, _ in lit),
            max(x for _, x in lit) + 1,
            max(y for y, _ in lit) + 1,
        )
        if lit
        else coverage.EMPTY
    )
    assert (sent.left, sent.top, sent.right, sent.bottom) == expected


def test_a_mask_of_16_bits_is_read_as_8() -> None:
    samples = bytes([0x00, 0x00, 0xFF, 0xFF, 0x01, 0x80])
    message = pb.MaskPrompt(header=header(left=1, top=2, right=4, bottom=3, bits=16, size=6), data=samples)
    mask = wire.mask_from_wire(message)
    assert mask.coverage[2 * 8 : 3 * 8] == bytes([0, 0, 255, 128, 0, 0, 0, 0])
    assert sum(mask.coverage) == 255 + 128


def test_a_mask_of_another_size_than_the_plate_is_refused_before_it_is_unpacked() -> None:
    message = pb.MaskPrompt(header=header(width=9), data=b"not packed at all")
    with pytest.raises(ValueError, match="9x6 pixels and the plate 8x6"):
        wire.mask_from_wire(message, (8, 6))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"width": 0, "right": 0, "left": 0}, "empty or too large"),
        ({"width": 2**31, "height": 2**31}, "empty or too large"),
        ({"bits": 12}, "12 bits"),
        ({"right": 9}, "does not lie inside"),
        ({"bottom": 7}, "does not lie inside"),
        ({"left": 7}, "does not lie inside"),
        ({"top": 5}, "does not lie inside"),
        ({"size": 11}, "announces 11 bytes and brings 12"),
        ({"right": 5}, "unpacks to 12 bytes where its box holds 9"),
    ],
)
def test_a_matte_that_contradicts_itself_is_refused(changes: dict[str, int], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        wire.unpack_samples(header(**changes), bytes(12))


def test_a_matte_that_does_not_say_how_it_is_packed_is_refused() -> None:
    message = header()
    message.codec = pb.MATTE_CODEC_UNSPECIFIED
    with pytest.raises(ValueError, match="how it is packed"):
        wire.unpack_samples(message, bytes(12))


def test_a_bomb_is_refused_by_what_it_says_it_holds() -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 24))
    with pytest.raises(ValueError, match="16777216 bytes where its box holds 12"):
        wire.unpack_samples(zstd_header(bomb), bomb)


def test_a_claim_is_refused_before_memory_is_taken_for_it() -> None:
    one_tebibyte = (1 << 40).to_bytes(8, "little")
    # A frame whose header states its size in eight bytes, and one empty block.
    claim = b"\x28\xb5\x2f\xfd" + b"\xe0" + one_tebibyte + b"\x01\x00\x00"
    with pytest.raises(ValueError, match="1099511627776 bytes where its box holds 12"):
        wire.unpack_samples(zstd_header(claim), claim)


def test_a_bomb_that_does_not_say_what_it_holds_is_refused() -> None:
    bomb = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(1 << 24))
    with pytest.raises(ValueError, match="damaged"):
        wire.unpack_samples(zstd_header(bomb), bomb)


def test_packed_samples_that_do_not_state_their_size_are_read() -> None:
    samples = bytes(range(12))
    packed = zstandard.ZstdCompressor(write_content_size=False).compress(samples)
    assert wire.unpack_samples(zstd_header(packed), packed) == samples


@pytest.mark.parametrize("spoil", [lambda data: data[:-1], lambda data: data + b"\0", lambda data: b"\0" * len(data)])
def test_damaged_samples_are_refused(spoil: object) -> None:
    assert callable(spoil)
    data = spoil(wire.pack_samples(bytes(range(12))))
    with pytest.raises(ValueError, match="damaged"):
        wire.unpack_samples(zstd_header(data), data)


@pytest.mark.parametrize("size", [0, 1, 12])
def test_samples_packed_by_zlib_are_read(size: int) -> None:
    samples = bytes(range(size))
    data = wire.pack_samples(samples, pb.MATTE_CODEC_ZLIB)
    message = header(left=0, right=size, top=0, bottom=1, width=64, size=len(data))
    message.codec = pb.MATTE_CODEC_ZLIB
    assert zlib.decompress(data) == samples
    assert wire.unpack_samples(message, data) == samples


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (zlib.compress(bytes(range(12)))[:-1], "damaged"),
        (zlib.compress(bytes(range(12))) + b"x", "damaged"),
        (b"\0" * 12, "damaged"),
        (zlib.compress(bytes(11)), "11 bytes where its box holds 12"),
        (zlib.compress(bytes(1 << 24)), "13 bytes where its box holds 12"),
    ],
)
def test_what_zlib_cannot_have_packed_is_refused_and_a_bomb_never_unpacked(data: bytes, why: str) -> None:
    message = header(size=len(data))
    message.codec = pb.MATTE_CODEC_ZLIB
    with pytest.raises(ValueError, match=why):
        wire.unpack_samples(message, data)


def test_a_prompt_is_refused_whose_outline_lies_nowhere() -> None:
    message = pb.Prompt(frame=1, outline=[pb.ControlPoint(x=float("nan"))])
    with pytest.raises(ValueError, match="not finite"):
        wire.prompt_from_wire(message)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (pb.Shape(name="a"), "lifetime"),
        (pb.Shape(name="a", lifetime=pb.FrameRange(), interpolation=9), "Interpolation 9"),  # type: ignore[arg-type]  # a number from the future
        (pb.Shape(name="a", lifetime=pb.FrameRange(), colour=pb.Colour(red=float("inf"))), "not a colour"),
        (pb.Shape(name="a", lifetime=pb.FrameRange(last=2**40)), "beyond what a shot can count"),
        (pb.Shape(name="a", lifetime=pb.FrameRange()), "no keyframe"),
    ],
)
def test_a_shape_that_hosts_cannot_draw_is_refused(message: pb.Shape, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        wire.shape_from_wire(message)


def test_a_shape_that_says_no_more_than_it_must_is_white_and_linear() -> None:
    keyframe = pb.ShapeKeyframe(points=[pb.ControlPoint(), pb.ControlPoint(x=1)])
    shape = wire.shape_from_wire(pb.Shape(name="a", keyframes=[keyframe], lifetime=pb.FrameRange()))
    assert (shape.colour, shape.interpolation) == ((1.0, 1.0, 1.0), Interpolation.LINEAR)


def test_a_plate_must_say_which_frames_it_has() -> None:
    with pytest.raises(ValueError, match="first and last"):
        wire.plate_from_wire(pb.Plate(width=4, height=3))


def test_a_plate_that_states_neither_aspect_nor_rate_has_square_pixels_at_24() -> None:
    plate = wire.plate_from_wire(pb.Plate(width=4, height=3, frames=pb.FrameRange(first=1, last=2)))
    assert (plate.pixel_aspect, plate.frame_rate) == (1.0, 24.0)


@pytest.mark.parametrize("size", [0, 1, wire.CHUNK_BYTES, wire.CHUNK_BYTES + 1, 2 * wire.CHUNK_BYTES + 5])
def test_a_buffer_of_any_kind_is_cut_into_pieces_and_lost_nowhere(size: int) -> None:
    content = bytes(index % 251 for index in range(min(size, 4096))) * (size // 4096 + 1)
    for buffer in (content[:size], bytearray(content[:size]), memoryview(content)[:size]):
        pieces = list(wire.chunks(buffer))
        assert b"".join(pieces) == content[:size]
        assert all(0 < len(piece) <= wire.CHUNK_BYTES for piece in pieces)


@given(st.lists(st.integers(0, 40), max_size=4))
def test_mattes_come_out_of_their_pieces_one_after_the_other(sizes: Sequence[int]) -> None:
    sent = [(header(left=0, right=size, top=0, bottom=1, width=64, size=size), bytes([size]) * size) for size in sizes]
    parts = [pb.MattePart(**part) for each in sent for part in wire.matte_parts(*each)]
    assert list(wire.join_matte_parts(parts)) == sent


def test_a_large_matte_travels_in_pieces_of_a_mebibyte() -> None:
    size = (5 << 19) + 3
    message = header(width=size, right=size, left=0, bottom=2, size=size)
    parts = [pb.MattePart(**part) for part in wire.matte_parts(message, bytes(size))]
    assert [len(part.data) for part in parts] == [1 << 20, 1 << 20, (1 << 19) + 3]
    assert [part.HasField("header") for part in parts] == [True, False, False]
    assert list(wire.join_matte_parts(parts)) == [(message, bytes(size))]


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ([pb.MattePart(data=b"x")], "before its header"),
        ([pb.MattePart(header=header(), data=bytes(13))], "more bytes than it announces"),
        ([pb.MattePart(header=header(), data=bytes(5))], "ended before"),
        ([pb.MattePart(header=header(), data=bytes(5)), pb.MattePart(header=header())], "ended before"),
        ([pb.MattePart(header=header(size=1 << 40))], "more bytes than its box can need"),
    ],
)
def test_pieces_that_make_no_matte_are_refused(parts: list[pb.MattePart], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        list(wire.join_matte_parts(parts))


@both_ways
def test_a_shape_crosses_the_wire_on_its_layer(travel: Travel) -> None:
    points = (ControlPoint(10, 0), ControlPoint(20, 0), ControlPoint(20, 10))
    layer = Layer(
        "spin",
        (LayerKeyframe(1), LayerKeyframe(9, 3, -2, 90, 1.5, 0.75, 0.5, (1e-4, -2e-4))),
        (4.5, -6.25),
        Interpolation.SMOOTH,
    )
    shape = Shape("box", (ShapeKeyframe(1, points),), FrameRange(1, 9), layer=layer)
    assert wire.shape_from_wire(travel("Shape", wire.shape_to_wire(shape))) == shape


@both_ways
@given(
    st.builds(
        FitOptions,
        st.floats(1e-3, 1e3),
        st.floats(0, 1, exclude_min=True, exclude_max=True),
        interpolation=st.sampled_from(Interpolation),
        keyframes_at=st.lists(frames, max_size=3).map(tuple),
        keyframe_step=st.none() | st.integers(1, 1000),
        parts=st.none() | st.integers(1, 8),
        layers=st.booleans(),
        offset_px=st.floats(-100, 100),
        feather=st.booleans(),
    )
    | st.builds(FitOptions, points=st.integers(4, 1000))
)
def test_what_is_asked_of_a_fit_comes_back_as_it_was(travel: Travel, value: FitOptions) -> None:
    assert wire.fit_options_from_wire(travel("FitShapesRequest", wire.fit_options_to_wire(value))) == value


def test_a_fit_that_asks_for_nothing_gets_the_tolerance_of_the_commands() -> None:
    assert wire.fit_options_from_wire(sessions_pb2.FitShapesRequest()) == FitOptions(1.0)
