"""What a failed call means here: the one table from the daemon's errors and gRPC's statuses to `roto_client.errors`."""

from __future__ import annotations

from typing import Optional

import grpc

from roto_client.errors import (
    BadInputError,
    BusyError,
    ClientError,
    DaemonUnreachableError,
    EngineUnavailableError,
    OutputFileError,
    VersionMismatchError,
    WorkFailedError,
)

_ERROR_KEY = "roto-error"
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
    "LimitError": BusyError,
    "OutputError": OutputFileError,
    "WorkerError": WorkFailedError,
    "VersionError": VersionMismatchError,
    "ConfigError": WorkFailedError,
    "InternalError": WorkFailedError,
}
"""What each error of the daemon is here; the daemon names it beside the status."""
_ERRORS_BY_STATUS: dict[grpc.StatusCode, type[ClientError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: BadInputError,
    grpc.StatusCode.NOT_FOUND: BadInputError,
    grpc.StatusCode.OUT_OF_RANGE: BadInputError,
    grpc.StatusCode.FAILED_PRECONDITION: BusyError,
    grpc.StatusCode.ALREADY_EXISTS: BusyError,
    grpc.StatusCode.RESOURCE_EXHAUSTED: BusyError,
}
"""What a status means without a name; the rest is WorkFailedError."""


def translated(error: grpc.RpcError, address: str) -> ClientError:
    """Return what the failure of a call is to a user; `address` is where the daemon should be."""
    code, said = error.code(), error.details() or ""
    name = _name(error)
    if name is not None:
        # A daemon that is newer than this client may name an error that is not known here; its status still is.
        return _ERRORS_BY_NAME.get(name, _ERRORS_BY_STATUS.get(code, WorkFailedError))(said)
    if code is grpc.StatusCode.UNAVAILABLE:
        return DaemonUnreachableError(address, "the connection broke")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return WorkFailedError(f"The daemon at {address} did not answer in time. roto doctor tells whether it is well.")
    if code is grpc.StatusCode.CANCELLED:
        return WorkFailedError("The call was cancelled before it was done.")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return VersionMismatchError(f"The daemon at {address} is older than this client and lacks a call: update it.")
    kind = _ERRORS_BY_STATUS.get(code, WorkFailedError)
    return kind(f"The daemon at {address} failed ({code.name}): {said or 'it did not say why'}")


def translated_greeting(error: grpc.RpcError, address: str) -> ClientError:
    """Return what the failure of the first call is to a user."""
    code = error.code()
    if _name(error) is not None:
        return translated(error, address)
    if code is grpc.StatusCode.FAILED_PRECONDITION:
        return VersionMismatchError(error.details() or "The daemon speaks another protocol version.")
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return VersionMismatchError(
            f"What answers at {address} is no Rotolink daemon, or one of another version: check the address, or update."
        )
    if code is grpc.StatusCode.UNAVAILABLE:
        return DaemonUnreachableError(address)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DaemonUnreachableError(address, "no answer in time")
    return DaemonUnreachableError(address, "something else answers there")


def _name(error: grpc.RpcError) -> Optional[str]:
    values = [each.value for each in error.trailing_metadata() or () if each.key == _ERROR_KEY]
    return str(values[0]) if values else None
