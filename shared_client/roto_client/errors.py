"""Every error that the client raises on purpose.

    ClientError
    ├── DaemonUnreachableError   nobody answers at the address, or the connection broke
    ├── DaemonNotStartedError    a daemon cannot be started on this machine
    ├── VersionMismatchError     the daemon speaks another protocol version
    ├── AccessError              the daemon asks for an access token, or the one that was sent does not do
    ├── BadInputError            a plate, prompt, range or option that the daemon refused
    ├── EngineUnavailableError   the engine exists and cannot be used now
    ├── BusyError                a bound of the daemon is reached, or another run is under way
    ├── ChangedElsewhereError    somebody else changed meanwhile what would be replaced
    ├── WorkFailedError          the daemon's worker died or ran out of time; it has been restarted
    ├── OutputFileError          a file cannot be written here
    ├── HostError                the host program cannot do what is asked
    └── FramesUnreadableError    all is done but for frames of the plate that are missing or damaged

Each message is one sentence or two for the artist: what is wrong and what to do. `exit_code` is what the command
line ends with; docs/reference/cli.md lists them.
"""

from __future__ import annotations

from collections.abc import Sequence

from roto_client.results import FrameUnreadable
from roto_shapes.shot import spans

_REASONS_TOLD = 20
"""More sentences than a terminal shows at once help nobody; the frames are all named before."""


class ClientError(Exception):
    """Root of the tree; its text is meant for the user."""

    exit_code = 1


class BadInputError(ClientError):
    """A plate, prompt, range or option that was refused."""

    exit_code = 3


class DaemonUnreachableError(ClientError):
    """Nobody answers at the address, or the connection broke."""

    exit_code = 4

    def __init__(self, address: str, reason: str = "") -> None:
        because = f" ({reason})" if reason else ""
        listen = "" if "://" in address else f" --listen {address}"
        super().__init__(f"No Rotolink daemon answers at {address}{because}. Start it with: roto-daemon serve{listen}")
        self.address = address


class DaemonNotStartedError(ClientError):
    """A daemon cannot be started on this machine: no program, no port, or it ended at its start."""

    exit_code = 4


class VersionMismatchError(ClientError):
    """The daemon speaks another protocol version."""

    exit_code = 5


class AccessError(ClientError):
    """The daemon asks for an access token, or the one that was sent does not do."""

    exit_code = 12


class OutputFileError(ClientError):
    """A file cannot be written here."""

    exit_code = 6


class WorkFailedError(ClientError):
    """The daemon's worker died or ran out of time; it has been restarted."""

    exit_code = 7


class EngineUnavailableError(ClientError):
    """The engine exists and cannot be used now."""

    exit_code = 8


class BusyError(ClientError):
    """A bound of the daemon is reached, or another run is under way."""

    exit_code = 9


class HostError(ClientError):
    """The host program cannot do what is asked; nothing of its script was changed. Raised inside hosts alone."""


class ChangedElsewhereError(ClientError):
    """Somebody else changed meanwhile what would be replaced; `Session.refresh` takes their change in."""

    exit_code = 11


class FramesUnreadableError(ClientError):
    """All is done but for frames of the plate that are missing or damaged; a sentence for each follows the first."""

    exit_code = 10

    def __init__(self, unreadable: Sequence[FrameUnreadable]) -> None:
        frames = [each.frame for each in unreadable]
        many = len(frames) > 1
        said = [each.reason for each in unreadable[:_REASONS_TOLD]]
        if len(unreadable) > _REASONS_TOLD:
            said.append(f"and so on for {len(unreadable) - _REASONS_TOLD} more.")
        super().__init__(
            f"frame{'s' if many else ''} {spans(frames)} of the plate {'have' if many else 'has'} no picture and so no "
            "matte; all else is done and written:\n  " + "\n  ".join(said)
        )
        self.unreadable = tuple(unreadable)
