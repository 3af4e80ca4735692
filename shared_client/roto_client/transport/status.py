"""What a failed call means here: the one table from the daemon's errors and statuses to `roto_client.errors`."""

from __future__ import annotations

from roto_client.errors import (
    AccessError,
    BadInputError,
    BusyError,
    ChangedElsewhereError,
    ClientError,
    DaemonUnreachableError,
    EngineUnavailableError,
    OutputFileError,
    VersionMismatchError,
    WorkFailedError,
)
from roto_client.transport.channel import CallError

_ERRORS_BY_NAME: dict[str, type[ClientError]] = {
    "PlateError": BadInputError,
    "FrameMissingError": BadInputError,
    "FrameDamagedError": BadInputError,
    "PromptError": BadInputError,
    "UnknownError": BadInputError,
    "FitError": BadInputError,
    "ValueError": BadInputError,
    "UnavailableError": EngineUnavailableError,
    "WeightsError": EngineUnavailableError,
    "ConflictError": BusyError,
    "StaleError": ChangedElsewhereError,
    "LimitError": BusyError,
    "OutputError": OutputFileError,
    "WorkerError": WorkFailedError,
    "TokenError": AccessError,
    "ScopeError": AccessError,
    "VersionError": VersionMismatchError,
    "ConfigError": WorkFailedError,
    "InternalError": WorkFailedError,
}
"""What each error of the daemon is here; the daemon names it beside the status."""
_ERRORS_BY_STATUS: dict[str, type[ClientError]] = {
    "INVALID_ARGUMENT": BadInputError,
    "NOT_FOUND": BadInputError,
    "OUT_OF_RANGE": BadInputError,
    "FAILED_PRECONDITION": BusyError,
    "ALREADY_EXISTS": BusyError,
    "RESOURCE_EXHAUSTED": BusyError,
    "UNAUTHENTICATED": AccessError,
    "PERMISSION_DENIED": AccessError,
}
"""What a status means without a name; the rest is WorkFailedError."""


def translated(error: CallError, address: str) -> ClientError:
    """Return what the failure of a call is to a user; `address` is where the daemon should be."""
    code, said = error.code, error.detail
    if code == "UNAVAILABLE":
        return DaemonUnreachableError(address, "the connection broke")
    if error.reason is not None:
        # A daemon that is newer than this client may name an error that is not known here; its status still is.
        return _ERRORS_BY_NAME.get(error.reason, _ERRORS_BY_STATUS.get(code, WorkFailedError))(said)
    if code == "DEADLINE_EXCEEDED":
        return WorkFailedError(f"The daemon at {address} did not answer in time. roto doctor tells whether it is well.")
    if code == "CANCELLED":
        return WorkFailedError("The call was cancelled before it was done.")
    if code == "UNIMPLEMENTED":
        return VersionMismatchError(f"The daemon at {address} is older than this client and lacks a call: update it.")
    kind = _ERRORS_BY_STATUS.get(code, WorkFailedError)
    return kind(f"The daemon at {address} failed ({code}): {said or 'it did not say why'}")


def translated_greeting(error: CallError, address: str) -> ClientError:
    """Return what the failure of the first call is to a user."""
    code = error.code
    if error.reason is not None:
        return translated(error, address)
    if code == "FAILED_PRECONDITION":
        return VersionMismatchError(error.detail or "The daemon speaks another protocol version.")
    if code == "UNIMPLEMENTED":
        return VersionMismatchError(
            f"What answers at {address} is no Rotolink daemon, or one of another version: check the address, or update."
        )
    if code == "UNAVAILABLE":
        return DaemonUnreachableError(address)
    if code == "DEADLINE_EXCEEDED":
        return DaemonUnreachableError(address, "no answer in time")
    return DaemonUnreachableError(address, "something else answers there")
