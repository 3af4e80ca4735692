"""The panel's core in Node.js: its msgpack and zlib beside Python's, its connection, its shapes."""

from __future__ import annotations

import base64
import math
import random
import re
import zlib
from pathlib import Path
from typing import Any

import javascript
import msgpack
import numpy as np
import pytest

CONNECTION = Path(javascript.FOLDER / "panel_connection.js").read_text(encoding="utf-8")
NAMES = re.findall(r'^  async "([^"]+)"\(\)', CONNECTION, re.MULTILINE)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def ask(*jobs: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = javascript.run("panel_core", jobs)
    return answers


def gives(call: str, **argument: Any) -> Any:  # noqa: ANN401 - what the call gives
    (answer,) = ask((call, argument))
    assert "error" not in answer, answer
    return answer["gives"]


def plain(value: Any) -> Any:  # noqa: ANN401 - any value of msgpack
    """Return a value in the form in which panel_core gives it."""
    if isinstance(value, bytes):
        return {"base64": encoded(value)}
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")}
    return value


WHOLE = [
    sign * (2**power) + off for power in (0, 4, 5, 7, 8, 15, 16, 31, 32, 52) for sign in (1, -1) for off in (-1, 0, 1)
]
TEXTS = ["", "a" * 31, "a" * 32, "b" * 255, "b" * 256, "c" * 70000, 'körper 輪郭 🐰\x00"\\']
VALUES: list[Any] = [
    None, True, False, *WHOLE, 2**53 - 1, -(2**53), 0.1, -1e300, math.inf, -math.inf, *TEXTS,
    b"", b"\x00\xff" * 100, b"x" * 300, b"y" * 70000, [], list(range(15)), list(range(16)), [0] * 70000, {},
    {f"k{n}": n for n in range(15)}, {f"k{n}": [n, {"in": None}] for n in range(300)}, {"a": {"b": [{"c": b"z"}]}},
]  # fmt: skip


def test_what_python_packs_the_panel_unpacks() -> None:
    answers = ask(*(("unpack", {"data": encoded(msgpack.packb(value))}) for value in VALUES))
    assert [answer.get("gives", answer) for answer in answers] == [plain(value) for value in VALUES]
    (nan, single) = ask(
        ("unpack", {"data": encoded(msgpack.packb(math.nan))}),
        ("unpack", {"data": encoded(msgpack.packb(0.5, use_single_float=True))}),
    )
    assert (nan["gives"], single["gives"]) == ({"number": "NaN"}, 0.5)


def test_what_the_panel_packs_python_unpacks() -> None:
    answers = ask(*(("pack", {"value": plain(value)}) for value in VALUES))
    unpacked = [msgpack.unpackb(base64.b64decode(answer["gives"])) for answer in answers]
    assert unpacked == VALUES
    small = [value for value in VALUES if isinstance(value, int) and abs(value) < 2**31]
    assert all(type(each) is type(value) for each, value in zip(unpacked, VALUES) if value in small)
    assert math.copysign(1, msgpack.unpackb(base64.b64decode(gives("pack", value={"number": "-0"})))) == -1


def test_half_of_a_pair_alone_is_packed_as_text_that_can_be_read() -> None:
    (answer,) = ask(("pack", {"value": "a\ud83d"}))
    assert msgpack.unpackb(base64.b64decode(answer["gives"])) == "a\ufffd"


def test_a_message_that_is_nested_too_deeply_is_refused_and_a_deep_one_is_not() -> None:
    (deep, deeper, mapped) = ask(
        ("unpack", {"data": encoded(b"\x91" * 60 + b"\x00")}),
        ("unpack", {"data": encoded(b"\x91" * 100000 + b"\x00")}),
        ("unpack", {"data": encoded(b"\x81\xa1a" * 100000 + b"\x00")}),
    )
    assert "gives" in deep
    assert "nested too deeply" in deeper["error"]
    assert "nested too deeply" in mapped["error"]


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xcb\x00",
             b"\x01\x02", b"\x81\x90\x00", b"\x81\x81\x00\x00\x00", b"\x81\xc0\x01", b"\xd4\x00\x00"],
)  # fmt: skip
def test_bytes_that_are_no_message_are_refused_with_a_sentence(data: bytes) -> None:
    (answer,) = ask(("unpack", {"data": encoded(data)}))
    assert answer["error"].startswith("A message from the daemon ")
    assert answer["kind"] == "Error"


def test_damaged_messages_are_read_or_refused_with_a_sentence() -> None:
    dice = random.Random(5)  # noqa: S311 - no secret
    whole = msgpack.packb(
        {"id": 7, "event": {"matte": {"header": {"frame": 1}, "data": b"abc" * 9}, "a": [1.5, -3, "ü", None]}}
    )
    jobs = []
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        jobs.append(("unpack", {"data": encoded(bytes(data[: dice.choice([len(data), dice.randrange(len(data))])]))}))
    errors = [answer for answer in ask(*jobs) if "error" in answer]
    assert len(errors) > 300
    assert {answer["kind"] for answer in errors} == {"Error"}
    assert all(answer["error"].startswith("A message from the daemon ") for answer in errors)


def matte(width: int, height: int) -> bytes:
    rows, columns = np.mgrid[0:height, 0:width]
    inside = np.clip(height / 3 - np.hypot(columns - width / 2, rows - height / 2) + 0.5, 0, 1)
    return bytes(np.round(inside * 255).astype(np.uint8).tobytes())


def packed(data: bytes, level: int, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    made = zlib.compressobj(level, zlib.DEFLATED, 15, 9, strategy)
    return made.compress(data) + made.flush()


CONTENTS = {"nothing": b"", "one": b"x", "matte": matte(300, 200), "zeros": bytes(200000),
            "noise": np.random.default_rng(1).bytes(150000), "text": b"the same again, " * 3000}  # fmt: skip


@pytest.mark.parametrize("name", CONTENTS)
def test_what_zlib_packs_the_panel_unpacks(name: str) -> None:
    data = CONTENTS[name]
    ways = [packed(data, 0), packed(data, 9, zlib.Z_FIXED), packed(data, 6), packed(data, 1),
            packed(data, 6, zlib.Z_HUFFMAN_ONLY), packed(data, 6, zlib.Z_RLE)]  # fmt: skip
    kinds = {(way[2] >> 1) & 3 for way in ways}
    assert name in ("nothing", "one", "noise") or kinds == {0, 1, 2}, "stored, fixed and dynamic blocks"
    answers = ask(*(("inflate", {"data": encoded(way), "size": len(data)}) for way in ways))
    assert [base64.b64decode(answer["gives"]) for answer in answers] == [data] * len(ways)


def test_damaged_mattes_are_refused_with_a_sentence() -> None:
    data, dice = matte(60, 40), random.Random(3)  # noqa: S311 - as above
    jobs = []
    for way in (packed(data, 0), packed(data, 9, zlib.Z_FIXED), packed(data, 6)):
        for _ in range(600):
            changed = bytearray(way)
            changed[dice.randrange(2, len(changed))] ^= 1 << dice.randrange(8)
            jobs.append(("inflate", {"data": encoded(bytes(changed)), "size": len(data)}))
        jobs += [("inflate", {"data": encoded(way[:cut]), "size": len(data)}) for cut in range(0, len(way), 7)]
        jobs += [("inflate", {"data": encoded(way), "size": size}) for size in (0, len(data) - 1, len(data) + 1)]
    answers = ask(*jobs)
    spoilt = [answer for answer in answers if answer.get("error") != "A matte from the daemon is damaged."]
    assert all(base64.b64decode(answer["gives"]) == data for answer in spoilt), "a bit that pads, at most"
    assert len(spoilt) < len(answers) / 50


def test_runs_cover_what_the_matte_covers() -> None:
    width, height = 40, 30
    samples = matte(width, height)
    box = {
        "left": 5,
        "top": 3,
        "right": 5 + width,
        "bottom": 3 + height,
        "bytes": 1,
        "samples": {"base64": encoded(samples)},
    }
    drawn = np.zeros((2 * 40, 2 * 60), int)
    for x, y, w, h in gives("runs", matte=box, scale={"x": 2, "y": 2}):
        drawn[int(y) : int(y + h), int(x) : int(x + w)] += 1
    wanted = np.zeros((40, 60), int)
    wanted[3 : 3 + height, 5 : 5 + width] = np.frombuffer(samples, np.uint8).reshape(height, width) >= 128
    assert (drawn == wanted.repeat(2, 0).repeat(2, 1)).all()
    assert drawn.any()


PLATE = {
    "name": "shot",
    "width": 200,
    "height": 100,
    "frames": {"first": 1001, "last": 1010},
    "pixel_aspect": 1,
    "frame_rate": 24,
}


def key(frame: int, dx: float, *, locked: bool = False) -> dict[str, Any]:
    places = [(10.12345 + dx, 20), (60 + dx, 20), (60 + dx, 70)]
    points = [{"x": x, "y": y, "in_x": -1.5, "in_y": 0, "out_x": 1.5, "out_y": 0, "corner": False} for x, y in places]
    return {"frame": frame, "points": points, "locked": locked}


def shape(name: str = "disc", *keys: dict[str, Any], **more: object) -> dict[str, Any]:
    made = {
        "name": name,
        "closed": True,
        "invert": False,
        "colour": {"red": 1, "green": 0, "blue": 0.5},
        "lifetime": PLATE["frames"],
    }
    return {**made, "keyframes": list(keys or (key(1001, 0), key(1010, 9))), **more}


def mask_of(given: dict[str, Any]) -> dict[str, Any]:
    (mask,) = gives("applyData", shapes=[given], plate=PLATE)["masks"]
    return {"name": mask["name"], "frames": mask["frames"], "outlines": mask["outlines"]}


def test_masks_that_nobody_touched_give_the_shapes_as_they_were() -> None:
    given = shape()
    read = gives("withEdits", shapes=[given], masks=[mask_of(given)], plate=PLATE)
    assert read == {"shapes": [given], "edited": [], "notes": []}


def test_a_point_that_was_moved_is_an_edit_of_its_frame_alone() -> None:
    given = shape()
    mask = mask_of(given)
    mask["outlines"][1][6] += 3.5
    read = gives("withEdits", shapes=[given], masks=[mask], plate=PLATE)
    assert read["edited"] == [1010]
    moved = read["shapes"][0]["keyframes"][1]["points"]
    assert [point["x"] for point in moved] == [19.12345, 72.5, 69]
    assert read["shapes"][0]["keyframes"][0] == given["keyframes"][0]


def test_a_new_key_is_an_edit_and_keys_that_meet_on_a_frame_are_one() -> None:
    given = shape()
    mask = mask_of(given)
    for _ in range(2):
        mask["frames"].insert(1, 4)
        mask["outlines"].insert(1, mask["outlines"][0])
    read = gives("withEdits", shapes=[given], masks=[mask], plate=PLATE)
    assert read["edited"] == [1005]
    assert [each["frame"] for each in read["shapes"][0]["keyframes"]] == [1001, 1005, 1010]


def test_a_path_without_keys_is_the_key_that_the_shape_has() -> None:
    given = shape("disc", key(1006, 2))
    mask = {**mask_of(given), "frames": []}
    assert gives("withEdits", shapes=[given], masks=[mask], plate=PLATE) == {
        "shapes": [given],
        "edited": [],
        "notes": [],
    }


def test_masks_that_are_gone_or_have_other_points_leave_the_shape_with_a_note() -> None:
    given = shape(), shape("arm")
    mask = mask_of(given[0])
    mask["outlines"][0] = mask["outlines"][0][:12]
    read = gives("withEdits", shapes=given, masks=[mask], plate=PLATE)
    assert read["shapes"] == list(given)
    assert ["another number of points" in read["notes"][0], "'arm' is gone" in read["notes"][1]] == [True, True]


def test_data_to_apply_counts_from_the_first_frame_and_shows_a_shape_for_its_lifetime() -> None:
    late = shape("late", key(1003, 0), lifetime={"first": 1003, "last": 1007})
    hole = shape("hole", invert=True)
    data = gives("applyData", shapes=[hole, shape(), late, hole, shape("open", closed=False)], plate=PLATE)
    assert [mask["name"] for mask in data["masks"]] == ["disc", "late", "hole"], (
        "a hole in nothing and an open spline are none"
    )
    assert data["masks"][0]["shown"] == [[0, 100]]
    assert data["masks"][1]["shown"] == [[0, 0], [2, 100], [7, 0]]
    assert data["masks"][1]["frames"] == [2]
    assert data["masks"][0]["outlines"][0][:6] == [10.123, 20, -1.5, 0, 1.5, 0]
    assert (data["firstFrame"], data["frameCount"]) == (1001, 10)


def test_a_picture_is_whole_with_its_last_chunk_and_not_before() -> None:
    whole = b"\x89PNG\r\n\x1a\n" + b"x" * 40 + b"\0\0\0\0IEND\xaeB`\x82"
    answers = [gives("isWhole", data=encoded(data)) for data in (whole, whole[:-1], whole[1:], whole + b"\0", b"")]
    assert answers == [True, False, False, False, False]


@pytest.mark.parametrize("name", NAMES)
def test_connection(name: str) -> None:
    javascript.run("panel_connection", name)


def test_no_test_of_the_connection_is_left_out() -> None:
    assert javascript.run("panel_connection", None) == NAMES
    assert len(NAMES) > 10
