"""Our previews as FFmpeg's tools decode them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from other_programs import ffmpeg, ffprobe

from roto_daemon.plates.preview import PreviewWriter
from roto_shapes.shape import Roto
from roto_shapes.shot import FrameRange, Plate

WIDTH, HEIGHT = 160, 90
FRAMES = FrameRange(1001, 1012)
FACTS = (
    "stream=codec_name,codec_tag_string,profile,width,height,pix_fmt,sample_aspect_ratio,avg_frame_rate,"
    "nb_read_frames,color_space,color_range"
)
SAID = {
    "width": "160", "height": "90", "sample_aspect_ratio": "2:1", "avg_frame_rate": "24000/1001",
    "nb_read_frames": "12", "color_space": "bt709", "color_range": "tv",
}  # fmt: skip
MATTE = np.ascontiguousarray(np.broadcast_to(np.linspace(0, 1, WIDTH, dtype=np.float32), (HEIGHT, WIDTH)))


def colour(index: int) -> tuple[int, int, int]:
    """Return the colour that fills a frame: they grow brighter one by one."""
    return 100 + 8 * index, 50 + 8 * index, 25 + 8 * index


def written(path: Path) -> Path:
    plate = Plate(WIDTH, HEIGHT, FRAMES, pixel_aspect=2.0, frame_rate=24000 / 1001)
    with PreviewWriter(path, plate, {"engine": "classic", "plate": "größe.####.exr"}) as preview:
        for index, frame in enumerate(FRAMES):
            picture = np.full((HEIGHT, WIDTH, 3), colour(index), np.uint8)
            preview.add(frame, picture, MATTE if path.suffix == ".mov" else None, Roto(plate))
    return path


@pytest.mark.parametrize("name", ["p.mov", "p.mp4"])
def test_ffmpeg_counts_and_colours_every_frame_as_it_went_in(tmp_path: Path, name: str) -> None:
    raw = ffmpeg(
        "-i", written(tmp_path / name), "-vf", "scale=in_color_matrix=bt709:in_range=tv", "-vsync", "passthrough",
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-",
    )  # fmt: skip
    frames = np.frombuffer(raw, np.uint8).reshape(-1, HEIGHT, WIDTH, 3)
    assert len(frames) == len(FRAMES)
    for index, frame in enumerate(frames):
        assert np.abs(frame[10:-10, 10:-10].mean(axis=(0, 1)) - colour(index)).max() < 3, index


def test_a_prores_preview_is_what_editors_expect(tmp_path: Path) -> None:
    file = written(tmp_path / "p.mov")
    facts = ffprobe(file, FACTS)
    assert facts.pop("pix_fmt").startswith("yuva444p")
    assert facts == {"codec_name": "prores", "codec_tag_string": "ap4h", "profile": "4444", **SAID}
    raw = ffmpeg("-i", file, "-vf", "extractplanes=a", "-f", "rawvideo", "-pix_fmt", "gray16le", "-")
    alphas = np.frombuffer(raw, "<u2").reshape(-1, HEIGHT, WIDTH)
    assert len(alphas) == len(FRAMES)
    assert np.abs(alphas / 65535 - MATTE).max() < 2 / 1023


def test_an_h264_preview_plays_everywhere(tmp_path: Path) -> None:
    file = written(tmp_path / "p.mp4")
    facts = ffprobe(file, FACTS)
    assert facts.pop("profile") in {"High", "Main", "Constrained Baseline"}
    assert facts == {"codec_name": "h264", "codec_tag_string": "avc1", "pix_fmt": "yuv420p", **SAID}
    content = file.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # the index first: it plays while it loads


@pytest.mark.parametrize("name", ["p.mov", "p.mp4"])
def test_ffprobe_reads_what_made_a_preview(tmp_path: Path, name: str) -> None:
    said = json.loads(ffprobe(written(tmp_path / name), "format_tags=comment")["TAG:comment"])["rotolink"]
    assert (said["engine"], said["plate"]) == ("classic", "größe.####.exr")
