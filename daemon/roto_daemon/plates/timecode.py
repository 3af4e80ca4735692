"""Timecode as a count of frames."""

from __future__ import annotations

import re

from roto_daemon.errors import PlateError

_FORM = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.])(\d{2,3})")
_DROPPED = {30: 2, 60: 4}
"""By frames a second: the counts left out at the start of a minute, so that 29.97 and 59.94 keep to the clock."""


def counted(timecode: str, frame_rate: float) -> int:
    """Return how many frames after 00:00:00:00 a timecode stands; raises PlateError when it is none.

    A `;` or `.` before the frames marks drop-frame timecode (SMPTE ST 12-1), in which every minute but each tenth
    leaves its first counts out.
    """
    found = _FORM.fullmatch(timecode.strip())
    a_second = round(frame_rate)
    if not found:
        raise PlateError(f"'{timecode}' is no timecode: write it as HH:MM:SS:FF, with ; before FF for drop-frame.")
    hours, minutes, seconds, frames = (int(found[index]) for index in (1, 2, 3, 5))
    if minutes > 59 or seconds > 59 or frames >= a_second:  # noqa: PLR2004 - of an hour, of a minute
        raise PlateError(f"'{timecode}' is no timecode at {frame_rate:g} frames a second: a part of it is too high.")
    minutes += 60 * hours
    count = (60 * minutes + seconds) * a_second + frames
    if found[4] == ":":
        return count
    dropped = _DROPPED.get(a_second)
    if not dropped:
        raise PlateError(
            f"'{timecode}' is drop-frame, which {frame_rate:g} frames a second do not have: write it with :"
        )
    return count - dropped * (minutes - minutes // 10)
