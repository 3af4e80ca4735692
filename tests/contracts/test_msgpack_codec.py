"""Our own MessagePack against the package of that name, which the daemon uses, and against what nobody should send."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roto_proto.msgpack_codec import DEEPEST, LARGEST_ARRAY, LARGEST_MAP, pack, unpack

msgpack = pytest.importorskip("msgpack", reason="the extra `daemon` is not installed: Python 3.11 and newer have it")

whole = st.integers(-(2**63), 2**64 - 1) | st.sampled_from(
    [sign * 2**n + d for n in (5, 7, 8, 15, 16, 31, 32) for d in (-1, 0, 1) for sign in (1, -1)]
)
leaves = st.none() | st.booleans() | whole | st.floats(allow_nan=False) | st.text() | st.binary()
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(), inner, max_size=20), max_leaves=60
)
SIZES = (0, 15, 16, 31, 32, 255, 256, 65535, 65536)


@given(values)
def test_what_we_pack_the_package_reads_and_the_other_way_round(value: object) -> None:
    assert msgpack.unpackb(pack(value), strict_map_key=True) == value
    assert pack(value) == msgpack.packb(value), "the shortest form, as the package chooses"
    assert unpack(msgpack.packb(value)) == value


@pytest.mark.parametrize("size", SIZES)
def test_texts_bytes_and_lists_of_every_length_are_read(size: int) -> None:
    for value in ("x" * size, bytes(size), [1] * size, {str(n): n for n in range(min(size, LARGEST_MAP))}):
        assert unpack(msgpack.packb(value)) == value
        assert pack(value) == msgpack.packb(value)


def test_single_floats_and_buffers_are_taken() -> None:
    assert unpack(msgpack.packb(0.5, use_single_float=True)) == 0.5
    assert unpack(memoryview(bytearray(pack((1, bytearray(b"x")))))) == [1, b"x"]


@given(
    st.binary(max_size=64)
    | values.map(pack).flatmap(lambda data: st.binary(max_size=4).map(lambda more: data[:-2] + more))
)
def test_whatever_comes_is_read_as_the_package_reads_it_or_refused(data: bytes) -> None:
    expected: list[object] = []
    read: list[object] = []
    with contextlib.suppress(Exception):  # as many errors as ways to be wrong
        expected = [msgpack.unpackb(data, strict_map_key=True)]
    with contextlib.suppress(ValueError):
        read = [unpack(data)]
    if read:
        assert repr(read) == repr(expected), "NaN is not equal to itself"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "ends in the middle"),
        (b"\xdb\xff\xff\xff\xffabc", "ends in the middle"),
        (b"\xc6\xff\xff\xff\xffabc", "ends in the middle"),
        (b"\xdd\xff\xff\xff\xff", "a list of 4294967295"),
        (b"\xdf\xff\xff\xff\xff", "a map of 4294967295"),
        (b"\xdd" + struct.pack(">I", LARGEST_ARRAY + 1), f"a list of {LARGEST_ARRAY + 1}"),
        (b"\xde" + struct.pack(">H", LARGEST_MAP + 1), f"a map of {LARGEST_MAP + 1}"),
        (b"\x91" * DEEPEST + b"\x01", "nested deeper"),
        (b"\x91" * 100_000, "nested deeper"),
        (b"\x81\x01\x02", "0x01"),
        (b"\x81\xc4\x01x\x02", "no text"),
        (b"\xd6\xff\x00\x00\x00\x00", "0xd6"),
        (b"\xc1", "0xc1"),
        (b"\x01\x02", "1 bytes too many"),
        (b"\xa1\xff", "utf-8"),
    ],
)
def test_what_could_harm_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        unpack(data)


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, {1, 2}, "\ud800", object()])
def test_what_cannot_be_sent_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"64 bits|cannot be sent|can be sent"):
        pack(value)


def test_what_contains_itself_is_refused() -> None:
    ring: list[object] = []
    ring.append(ring)
    with pytest.raises(ValueError, match="nested deeper"):
        pack(ring)
