"""Frames to look at through a real daemon: by path and uploaded, or one sentence why not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from serving import FIRST, HEIGHT, LAST, WIDTH, Daemon, picture

from roto_client.errors import BadInputError
from roto_client.results import PixelFrame, SampleType
from roto_client.session import OpenPlate, connect
from roto_shapes.shot import FrameRange, Plate


def shown(plate: OpenPlate, frame: int) -> NDArray[np.uint8]:
    image = cv2.imdecode(np.frombuffer(plate.picture(frame, 1024), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert image is not None
    return np.asarray(image, np.uint8)


def test_each_frame_shows_what_the_plate_has_there(daemon: Daemon, plate: str) -> None:
    with connect(daemon.address) as met, met.open_plate(plate) as opened:
        for frame in (LAST, FIRST, FIRST + 5):
            difference = np.abs(shown(opened, frame).astype(int) - picture(frame)[..., 0])
            assert difference.max() < 12
            assert difference.mean() < 1
        with pytest.raises(BadInputError, match="1013"):
            opened.picture(LAST + 1, 1024)
        with pytest.raises(BadInputError, match="ask for 16 to 4096"):
            opened.picture(FIRST, 5000)


def test_an_uploaded_frame_is_shown_as_soon_as_it_is_there(daemon: Daemon) -> None:
    facts = Plate(WIDTH, HEIGHT, FrameRange(FIRST, LAST))
    with connect(daemon.address) as met, met.open_upload(facts) as opened:
        with pytest.raises(BadInputError, match="has not been uploaded"):
            opened.picture(FIRST + 1, 1024)
        frames = [PixelFrame(FIRST + 1, picture(FIRST + 1).tobytes(), WIDTH, HEIGHT, 3, SampleType.U8)]
        assert list(opened.upload(frames)) == [FIRST + 1]
        assert np.abs(shown(opened, FIRST + 1).astype(int) - picture(FIRST + 1)[..., 0]).mean() < 1
