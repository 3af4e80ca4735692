"""The frame of a plugin's first run: what is known of a host from documents alone is tried in the host, and told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Callable, NamedTuple, Optional

from roto_client.errors import ClientError

Answer = tuple[Optional[bool], str]
"""Whether a check passed, None where there is nothing to expect, only to know; and what it saw."""

_VERDICTS = {True: "PASS", False: "FAIL", None: "NOTE"}


class Found(NamedTuple):
    """What a check came to."""

    what: str
    passed: Optional[bool]
    constant: str
    """What to change where it failed."""
    said: str

    @property
    def line(self) -> str:
        """Return it for a person: PASS, FAIL with what to change, or NOTE."""
        change = f" Change: {self.constant}." if self.passed is False else ""
        return f"{_VERDICTS[self.passed]}  {self.what}: {self.said.rstrip('.')}.{change}"


def tried(what: str, constant: str, check: Callable[[], Answer]) -> Found:
    """Return what a check came to; one that raises has failed with what it said."""
    try:
        passed, said = check()
    except ClientError as error:
        passed, said = False, str(error)
    except Exception as error:  # noqa: BLE001 - whatever this host raises is what there is to know, and the next check goes on
        passed, said = False, f"{type(error).__name__}: {error}"
    return Found(what, passed, constant, said)


def nothing_failed(found: Iterable[Found]) -> bool:
    """Say whether all is as expected."""
    return all(each.passed is not False for each in found)
