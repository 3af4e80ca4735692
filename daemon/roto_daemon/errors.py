"""Every error that the daemon raises on purpose.

    RotoError
    ├── PlateError              the plate or one of its frames cannot be read
    │   ├── FrameMissingError   a frame of the sequence is not there
    │   └── FrameDamagedError   a frame is there but cannot be decoded, or does not fit the others
    ├── PromptError             a prompt that cannot be followed
    ├── UnknownError            a plate, session, object or engine that does not exist
    ├── UnavailableError        an engine that exists and cannot be used here and now
    │   ├── FetchError          a checkpoint that does not come
    │   └── WeightsError        a file of weights that is damaged, changed, unsafe or made for another network
    ├── ConflictError           the call does not fit the present state: another run is under way, no matte yet
    │   └── StaleError          somebody else changed meanwhile what the call would replace
    ├── FitError                mattes that cannot become shapes
    ├── OutputError             a file cannot be written
    ├── LimitError              a bound of the daemon is reached
    ├── StoppingError           the daemon was told to stop; what was asked did not happen
    ├── WorkerError             the worker process died or hung during the call; it has been restarted
    ├── TokenError              no access token that is good now
    ├── ScopeError              the access token does not permit the call
    ├── VersionError            the client speaks another protocol version
    └── ConfigError             a setting that cannot be used

Each message is one sentence or two for the person at the other end: what is wrong and what to do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class RotoError(Exception):
    """Root of the tree; its text is meant for the user."""


class PlateError(RotoError):
    """The plate or one of its frames cannot be read."""


class FrameMissingError(PlateError):
    """A frame of the sequence is not there."""

    def __init__(self, message: str, frame: int) -> None:
        """Keep the frame, so that a caller can go on with the others."""
        super().__init__(message)
        self.frame = frame


class FrameDamagedError(PlateError):
    """A frame is there but cannot be decoded, or does not fit the others."""

    def __init__(self, message: str, frame: int) -> None:
        """Keep the frame, so that a caller can go on with the others."""
        super().__init__(message)
        self.frame = frame


Unreadable = FrameMissingError | FrameDamagedError
"""What costs a single frame."""


class PromptError(RotoError):
    """A prompt that cannot be followed."""


class UnknownError(RotoError):
    """A plate, session, object or engine that does not exist."""


class UnavailableError(RotoError):
    """An engine that exists and cannot be used here and now."""


class FetchError(UnavailableError):
    """A checkpoint that does not come."""


class WeightsError(UnavailableError):
    """A file of weights that is damaged, changed, unsafe or made for another network."""


class ConflictError(RotoError):
    """The call does not fit the present state."""


class StaleError(ConflictError):
    """Somebody else changed meanwhile what the call would replace."""


class FitError(RotoError):
    """Mattes that cannot become shapes."""


class OutputError(RotoError):
    """A file cannot be written."""


class LimitError(RotoError):
    """A bound of the daemon is reached."""


class WorkerError(RotoError):
    """The worker process died or hung during the call; it has been restarted."""


class StoppingError(RotoError):
    """The daemon was told to stop; what was asked did not happen."""


class TokenError(RotoError):
    """No access token that is good now."""


class ScopeError(RotoError):
    """The access token does not permit the call."""


class VersionError(RotoError):
    """The client speaks another protocol version."""


class ConfigError(RotoError):
    """A setting that cannot be used."""


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Turn what the system says against writing a file into OutputError, by the name that the user gave."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"'{path}' cannot be written: {error.strerror or error}.") from error
