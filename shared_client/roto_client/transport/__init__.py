"""The way to a daemon: values in, values out, errors of `roto_client.errors`. Only this package knows the protocol.

Calls may come from any thread. A host must not call from its main thread: every call waits for the network, and the
first import of `by_grpc` takes a noticeable part of a second.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Generator, Iterable, Sequence
from typing import Optional, Protocol

from roto_client.errors import BadInputError
from roto_client.results import (
    AddedObject,
    AttachedSession,
    DaemonInfo,
    Direction,
    EngineInfo,
    ExportEvent,
    ExportOrder,
    FitEvent,
    FitOrder,
    FoundObject,
    Matte,
    OpenedPlate,
    OpenedSession,
    Prompted,
    SessionRevisions,
    SessionShapes,
    SessionSummary,
    StepTurned,
    TrackEvent,
    UploadFrame,
)
from roto_shapes.prompt import Prompt
from roto_shapes.shape import Shape
from roto_shapes.shot import FrameRange, Plate, PlatePath

# gRPC reads this as it is first imported, which `by_grpc` does. On by its own default, it starts threads in a forked
# child, which abort it when its files are closed before it becomes another program: with Python 3.9 one in ten of the
# programs died so that a host started while a call was under way.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

DEFAULT_PORT = 50750
DEFAULT_ADDRESS = f"127.0.0.1:{DEFAULT_PORT}"
DEFAULT_HTTP_PORT = 50751
"""Where a daemon's edge for HTTP is unless its setting http_port says otherwise."""
HTTP_SCHEME = "http://"
HTTPS_SCHEME = "https://"
_LARGEST_PORT = 65535
_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<host>[\w.-]+))(?::(?P<port>[0-9]+))?")


AUTHORIZATION = "authorization"
"""Key of a call's metadata, and header of HTTP, that the access token travels in."""


class Transport(Protocol):
    """A daemon as a client sees it. Every method raises an error of `roto_client.errors`.

    Iterators do their work as they are read, and closing one early cancels the work behind it.
    """

    @property
    def address(self) -> str:
        """Return where the daemon is, for a person."""

    @property
    def kind(self) -> str:
        """Return how the daemon is reached, for a person: "gRPC" or "HTTP"."""

    @property
    def why(self) -> str:
        """Return why it is reached so and not by gRPC, for a person; empty where there is nothing to explain."""

    @property
    def info(self) -> DaemonInfo:
        """Return who the daemon is, as it said when the transport met it."""

    def greet(self) -> DaemonInfo:
        """Greet the daemon again: the quickest round trip there is."""

    def engines(self) -> tuple[EngineInfo, ...]:
        """Return every engine, those that cannot be used now included."""

    def open_path(self, source: PlatePath) -> OpenedPlate:
        """Open a plate on storage that the daemon reads."""

    def open_upload(self, plate: Plate) -> OpenedPlate:
        """Open a plate whose frames will be uploaded."""

    def upload_frames(
        self, plate_id: str, frames: Iterable[UploadFrame], *, ring: Optional[bool] = None
    ) -> Generator[int, None, None]:
        """Send frames; yield each frame's number once the daemon has stored it.

        `frames` is read on the caller's thread. Shared memory carries pixels where both ends can (`ring` None),
        never (False), or wherever it can be made without asking the daemon (True).
        """

    def find_objects(self, plate_id: str, frame: int, phrase: str) -> tuple[FoundObject, ...]:
        """Return what words may mean on a frame, the likeliest first; BadInputError when that is nothing."""

    def read_picture(self, plate_id: str, frame: int, longest_px: int) -> bytes:
        """Return a frame to look at: a JPEG file in sRGB, at most so many pixels along its longer side, 16 to 4096."""

    def close_plate(self, plate_id: str) -> None:
        """Forget a plate."""

    def open_session(
        self, plate_id: str, engine: str = "", *, native_edges: bool = False, name: str = "", artist: str = ""
    ) -> OpenedSession:
        """Start a session; return it with the engine that will work.

        With `native_edges` edges are found again at the plate's resolution where the engine's masks are smaller.
        """

    def sessions(self, artist: str = "") -> tuple[SessionSummary, ...]:
        """Return the sessions that the daemon keeps, or an artist's, those last used first."""

    def attach_session(self, session_id: str) -> AttachedSession:
        """Return a session with all that it has but the mattes."""

    def watch_session(self, session_id: str) -> Generator[SessionRevisions, None, None]:
        """Yield the session's revisions now and whenever something changes."""

    def close_session(self, session_id: str) -> None:
        """End a session."""

    def add_object(self, session_id: str, name: str) -> AddedObject:
        """Add an object to follow, unless one of that name is there."""

    def remove_object(self, session_id: str, object_id: int) -> None:
        """Forget an object and all that was made for it."""

    def set_prompt(self, session_id: str, object_id: int, prompt: Prompt, based_on: int = 0) -> Prompted:
        """Replace all that is pointed at on a frame; return the matte there.

        Raises ChangedElsewhereError when the frame's prompt changed after the revision `based_on`, unless that is 0.
        """

    def propagate(
        self, session_id: str, object_id: int, frames: FrameRange, direction: Direction, *, mattes: bool = False
    ) -> Generator[TrackEvent, None, None]:
        """Follow an object through a range; with `mattes`, each comes after its frame's FrameDone.

        A frame that cannot be read comes as FrameUnreadable, without a matte, and the run goes on.
        """

    def read_mattes(self, session_id: str, object_id: int, frames: FrameRange) -> Generator[Matte, None, None]:
        """Yield the mattes made before in rising frame order; frames without one are left out."""

    def fit_shapes(self, session_id: str, object_id: int, order: FitOrder) -> Generator[FitEvent, None, None]:
        """Turn an object's mattes into shapes, which replace those it had; the result comes last."""

    def shapes(self, session_id: str) -> SessionShapes:
        """Return the shapes of a session in paint order."""

    def set_shapes(self, session_id: str, object_id: int, shapes: Sequence[Shape], based_on: int = 0) -> int:
        """Replace the shapes of an object by the artist's; return the session's revision since.

        Raises ChangedElsewhereError when the shapes changed after the revision `based_on`, unless that is 0.
        """

    def undo(self, session_id: str, object_id: int, *, redo: bool = False) -> Optional[StepTurned]:
        """Take back the last step of an object, of any when that is 0, or do it again; None when there is none."""

    def export(self, session_id: str, order: ExportOrder) -> Generator[ExportEvent, None, None]:
        """Make files and yield their pieces, one file after the other."""

    def close(self) -> None:
        """Let go of the connection; a second call does nothing."""


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine by its name alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def names_http(address: str) -> bool:
    """Say whether an address is of a daemon's HTTP edge: it begins with `http://` or `https://`."""
    return address.strip().startswith((HTTP_SCHEME, HTTPS_SCHEME))


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of `HOST:PORT`, `[IPv6]:PORT` or a host alone, after `http://` or `https://` or neither.

    Raises BadInputError for anything else.
    """
    is_http = names_http(address)
    found = _ADDRESS.fullmatch(address.strip()[address.strip().index("://") + 3 if is_http else 0 :].rstrip("/"))
    port = int(found["port"] or (DEFAULT_HTTP_PORT if is_http else DEFAULT_PORT)) if found else 0
    if found is None or not 0 < port <= _LARGEST_PORT:
        raise BadInputError(f"'{address}' is not an address: write HOST:PORT, for example {DEFAULT_ADDRESS}.")
    return found["v6"] or found["host"], port


def join_address(host: str, port: int) -> str:
    """Return `HOST:PORT` or `[IPv6]:PORT`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
