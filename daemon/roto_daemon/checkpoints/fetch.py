"""Checkpoints from the network into the models folder: resumed where a fetch broke off, never taken unread.

What has come stands beside its place as `NAME.part`, with the address and the server's mark of its version in
`NAME.part.from`, so that a process that was killed is no loss. A file takes its place once its sum is right.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path

from roto_daemon.checkpoints.folder import ModelsFolder
from roto_daemon.checkpoints.table import Checkpoint
from roto_daemon.errors import FetchError, OutputError, UnavailableError, WeightsError, writing

Tell = Callable[[int, "int | None"], None]
"""Called with the bytes that are here, and how many there will be or None."""

_PIECE_BYTES = 1 << 20
_SPARE_BYTES = 64 << 20
"""What is left free on the disk beside a checkpoint."""
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_MANY_TIMES = 2
"""A server may not send more than so many times the size that is roughly known."""
_LARGEST_MB = 16_000
"""What it may send where not even that is known."""
_RANGE_NOT_SATISFIABLE = 416
_PARTIAL = 206
_BROKEN = (http.client.HTTPException, TimeoutError, ConnectionError, ssl.SSLError, urllib.error.URLError)
"""What a connection that fails ends with."""


@dataclass(frozen=True)
class Patience:
    """How long a fetch goes on when nothing comes."""

    silence_s: float = 30.0
    """A connection silent for so long is given up."""
    tries: int = 4
    """So many connections in a row that bring nothing end the fetch."""
    pause_s: float = 2.0
    """Between two connections."""


PATIENCE = Patience()
"""That of the commands."""


@dataclass
class _Part:
    """What has come of a checkpoint."""

    file: Path
    url: str

    @property
    def note(self) -> Path:
        return self.file.with_name(self.file.name + ".from")

    @property
    def size(self) -> int:
        try:
            return self.file.stat().st_size
        except OSError:
            return 0

    def mark(self) -> str:
        """Return the server's mark of the version that the part is of; empty when it cannot be gone on with."""
        try:
            told = json.loads(self.note.read_text(encoding="utf-8"))
            return str(told["mark"]) if told["url"] == self.url else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def begin(self, mark: str) -> None:
        """Drop what has come, and note what the next bytes are of."""
        self.drop()
        self.note.write_text(json.dumps({"url": self.url, "mark": mark}), encoding="utf-8")

    def drop(self) -> None:
        self.file.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


def pull(models: ModelsFolder, wanted: Checkpoint, tell: Tell, mirror: str = "", patience: Patience = PATIENCE) -> str:
    """Fetch a checkpoint unless it is here, and return in words how far it was verified. The folder's lock is held.

    `mirror` is the URL of a folder to take it from, by its file name, in place of its publisher. Raises
    UnavailableError where licence or publisher forbid it, FetchError when it does not come, OutputError when it
    cannot be kept, WeightsError for a file that is not the published one, which is kept apart and named.
    """
    require_allowed(models, wanted)
    place = models.file(wanted)
    if models.has(wanted):
        with contextlib.suppress(WeightsError):
            return f"already here, {models.settle(wanted, place)}"
        models.set_aside(wanted, place)
    part = _Part(place.with_name(place.name + ".part"), _address(wanted, mirror))
    with writing(part.file):
        _come_by(part, wanted, tell, patience)
        part.note.unlink(missing_ok=True)
    try:
        return models.settle(wanted, part.file)
    except WeightsError as error:
        kept = models.set_aside(wanted, part.file)
        raise WeightsError(f"{error} What came is kept as '{kept}' and is not used.") from error


def require_allowed(models: ModelsFolder, wanted: Checkpoint) -> None:
    """Raise UnavailableError for a checkpoint that the policy forbids or its publisher withholds."""
    objection = models.policy.objection(wanted.terms)
    if objection:
        raise UnavailableError(f"'{wanted.name}' is not fetched: {objection}.")
    if wanted.withheld:
        raise UnavailableError(f"'{wanted.name}' cannot be fetched: {wanted.withheld}.")


def require_room(folder: Path, size_bytes: int) -> None:
    """Raise OutputError when a disk has not room for so many bytes more."""
    free = shutil.disk_usage(folder).free
    if size_bytes + _SPARE_BYTES > free:
        raise OutputError(
            f"The disk of '{folder}' has {free / 1e6:.0f} MB free and {(size_bytes + _SPARE_BYTES) / 1e6:.0f} MB are "
            "needed: make room, or set models_dir to a folder on another disk."
        )


def _address(wanted: Checkpoint, mirror: str) -> str:
    url = f"{mirror.rstrip('/')}/{wanted.file}" if mirror else wanted.url
    if not url.startswith(("https://", "http://")):
        raise FetchError(f"'{url}' is no address to fetch from: models_mirror must begin with https:// or http://.")
    return url


def _come_by(part: _Part, wanted: Checkpoint, tell: Tell, patience: Patience) -> None:
    """Connect until the part is whole, or until several connections in a row have brought nothing."""
    failures = 0
    while True:
        before = part.size
        try:
            if _read_on(part, wanted, tell, patience.silence_s):
                return
            why = "the connection broke off"
        except _BROKEN as error:
            why = _reason(error, part.url, patience)
        failures = 0 if part.size > before else failures + 1
        if failures >= patience.tries:
            kept = f" What has come is kept ({part.size / 1e6:.1f} MB)." if part.size else ""
            raise FetchError(
                f"'{part.url}' did not come: {why}.{kept} Try again, set models_mirror, or install a pack "
                "(roto-daemon models install)."
            )
        time.sleep(patience.pause_s)


def _reason(error: Exception, url: str, patience: Patience) -> str:
    if isinstance(error, urllib.error.HTTPError):
        if error.code < 500 and error.code not in {408, 425, 429}:  # noqa: PLR2004 - what may pass when asked again
            raise FetchError(f"'{url}' cannot be fetched: the server answers {error.code} {error.reason}.") from error
        return f"the server answers {error.code} {error.reason}"
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return f"nothing came for {patience.silence_s:g} s"
    return f"the connection failed ({reason or type(error).__name__})"


def _read_on(part: _Part, wanted: Checkpoint, tell: Tell, silence_s: float) -> bool:
    """Fetch from where the part ends; return whether it is whole now."""
    request = urllib.request.Request(part.url, headers={"Accept-Encoding": "identity", "User-Agent": "rotolink"})  # noqa: S310 - _address knows its scheme
    mark = part.mark()
    if mark and part.size:
        request.add_header("Range", f"bytes={part.size}-")
        request.add_header("If-Range", mark)
    else:
        part.drop()
    try:
        response = urllib.request.urlopen(request, timeout=silence_s)  # noqa: S310 - as above
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != _RANGE_NOT_SATISFIABLE:
            raise
        return _is_all(part, error.headers.get("Content-Range", ""))
    with response:
        if part.url.startswith("https:") and not response.url.startswith("https:"):
            raise FetchError(f"'{part.url}' leads to '{response.url}', which is not encrypted: it was not followed.")
        total = _continue_or_begin(part, response)
        return _copy(response, part, wanted, total, tell)


def _is_all(part: _Part, content_range: str) -> bool:
    """Return whether a part that the server has nothing to add to is whole; drop it when it is not."""
    if content_range == f"bytes */{part.size}":
        return True
    part.drop()
    return False


def _continue_or_begin(part: _Part, response: HTTPResponse) -> int | None:
    """Make the part end where the answer begins; return how large it will be, None when nobody says."""
    if response.status == _PARTIAL:
        told = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if told and int(told[1]) == part.size:
            return int(told[2]) if told[2] != "*" else None
        part.drop()
        raise http.client.HTTPException("the server sent another part than it was asked for")
    tag, length = response.headers.get("ETag", ""), response.headers.get("Content-Length")
    part.begin(tag if tag.startswith('"') else response.headers.get("Last-Modified", ""))
    return int(length) if length and length.isdigit() else None


def _copy(response: HTTPResponse, part: _Part, wanted: Checkpoint, total: int | None, tell: Tell) -> bool:
    total = total or wanted.size_bytes
    if wanted.size_bytes and total != wanted.size_bytes:
        part.drop()
        raise WeightsError(
            f"'{part.url}' is {total} bytes long and {wanted.file} has {wanted.size_bytes}: it is another file, and "
            "was not fetched."
        )
    most = total or _MANY_TIMES * (wanted.about_mb or _LARGEST_MB) * 10**6
    require_room(part.file.parent, max(total or 0, part.size) - part.size)
    with part.file.open("ab") as file:
        done = file.tell()
        tell(done, total)
        while piece := response.read1(_PIECE_BYTES):
            done += len(piece)
            if done > most:
                part.drop()
                raise FetchError(f"'{part.url}' sends more than the {most} bytes that it may: the rest was not taken.")
            file.write(piece)
            tell(done, total)
    return total is None or done == total
