"""A process that reads plates for tests within bounds of memory: a path a line in, what came of it a line out."""

from __future__ import annotations

import itertools
import resource
import sys
import traceback
from pathlib import Path

from roto_daemon.errors import PlateError
from roto_daemon.plates.mattes import open_mattes
from roto_daemon.plates.reader import ReadLimits, open_plate

LIMIT_PIXELS = 1 << 20
FRAMES_AT_MOST = 12


def bound_memory(room_bytes: int) -> None:
    """Let the process map so much more than it has mapped by now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + room_bytes
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def read(path: str) -> str:
    """Read a plate to its end, and as mattes; return how many frames were read and refused."""
    good = bad = 0
    try:
        with open_plate(path, ReadLimits(LIMIT_PIXELS), cache_bytes=1 << 20) as reader:
            for frame in itertools.islice(reader.frames, FRAMES_AT_MOST):
                try:
                    picture = reader.picture(frame)
                except PlateError as error:
                    require_sentence(error)
                    bad += 1
                else:
                    if picture.shape != (reader.size[1], reader.size[0], 3):
                        return f"frame {frame} has the shape {picture.shape}"
                    good += 1
    except PlateError as error:
        require_sentence(error)
        bad += 1
    try:
        for count, (_, matte) in enumerate(open_mattes(path, limit_pixels=LIMIT_PIXELS)):
            if not (matte.min() >= 0 and matte.max() <= 1):
                return "a matte goes beyond 0 to 1"
            if count >= FRAMES_AT_MOST:
                break
    except PlateError as error:
        require_sentence(error)
    return f"done {good} {bad}"


def require_sentence(error: PlateError) -> None:
    """One line that tells what to do."""
    text = str(error)
    if "\n" in text or not text.endswith(".") or ": " not in text:
        raise AssertionError(text)


if __name__ == "__main__":
    read(sys.argv[1])  # loads libraries and starts their threads
    bound_memory(int(sys.argv[2]))
    for line in sys.stdin:
        try:
            answer = read(line.rstrip("\n"))
        except Exception as error:  # noqa: BLE001 - whatever is no PlateError is what the test looks for
            places = [f"{Path(each.filename).name}:{each.lineno}" for each in traceback.extract_tb(error.__traceback__)]
            answer = f"{type(error).__name__}: {error}, by {' '.join(places)}".replace("\n", " ")
        print(answer, flush=True)  # noqa: T201 - the answer
