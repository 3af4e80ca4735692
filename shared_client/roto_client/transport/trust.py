"""Which certificates this user trusts: each daemon's own, by the fingerprint that a person compared once.

A daemon beyond this machine is reached by TLS 1.3 and by no other way, and only with the certificate that was trusted
for its address. Standard library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import socket
import ssl
import tempfile
from pathlib import Path
from typing import Optional

from roto_client.errors import AccessError, BadInputError, DaemonUnreachableError, OutputFileError
from roto_client.settings import settings_file
from roto_client.transport import HTTPS_SCHEME, is_loopback, join_address, split_address
from roto_proto.runtime_file import running_daemons

CERTIFICATE_NAME = "daemon.rotolink"
"""The name in the certificate that a daemon makes for itself."""

_FILE = "trusted.json"
_CONNECT_S = 5.0
_DIGITS = re.compile(r"[0-9a-f]{64}")


def trust(address: str, fingerprint: str) -> str:
    """Trust the daemon at HOST:PORT by its fingerprint from now on; return that fingerprint.

    Raises AccessError when it shows another certificate, DaemonUnreachableError, BadInputError and OutputFileError;
    what was trusted before stays then.
    """
    expected = fingerprint.replace(":", "").strip().lower()
    if not _DIGITS.fullmatch(expected):
        raise BadInputError(f"'{fingerprint}' is no fingerprint: it has 64 digits of base 16, as the daemon prints it.")
    key = join_address(*split_address(address))
    shown = _shown(key)
    _require_same(key, expected, shown)
    trusted = {**_trusted(), key: ssl.DER_cert_to_PEM_cert(shown)}
    file = _file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=_FILE, dir=file.parent)  # for this user alone
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(trusted, stream, indent=2)
        Path(name).replace(file)
    except OSError as error:
        raise OutputFileError(f"'{file}' cannot be written: {error.strerror or error}.") from error
    return expected


def required_certificate(address: str) -> Optional[str]:
    """Return the certificate, as PEM, that the daemon at an address must show; None for one of this machine without.

    The daemon was asked for it just now. Raises AccessError when the daemon serves other machines and nobody has
    trusted it, and when it shows another certificate; DaemonUnreachableError.
    """
    host, port = split_address(address)
    key = join_address(host, port)
    pinned = _trusted().get(key)
    if pinned is None:
        if is_loopback(host) and not address.strip().startswith(HTTPS_SCHEME) and not _listens_beyond(key):
            return None
        raise AccessError(
            f"The daemon at {key} is not trusted yet: ask whoever runs it for the fingerprint that it printed when it "
            f"started, then run: roto daemons --trust {key} --fingerprint FINGERPRINT"
        )
    _require_same(key, _fingerprint(ssl.PEM_cert_to_DER_cert(pinned)), _shown(key))
    return pinned


def context_for(certificate: str) -> ssl.SSLContext:
    """Return what takes this certificate alone, by TLS 1.3 alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False  # the certificate is known itself; nobody else has its key
    context.load_verify_locations(cadata=certificate)
    return context


def _listens_beyond(key: str) -> bool:
    """Say whether a daemon of this machine serves other machines too, and so speaks TLS."""
    return any(each.address == key and each.http.startswith(HTTPS_SCHEME) for each in running_daemons())


def _require_same(key: str, expected: str, shown: bytes) -> None:
    seen = _fingerprint(shown)
    if seen != expected:
        raise AccessError(
            f"What answers at {key} is not the daemon that is trusted: it shows the fingerprint {seen}, and {expected} "
            "was expected. If the daemon has a new certificate, trust that one; else somebody is in between."
        )


def _shown(key: str) -> bytes:
    """Return the certificate that a daemon shows, as DER, believing nothing of it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # it is compared by its fingerprint
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        with (
            contextlib.closing(socket.create_connection(split_address(key), _CONNECT_S)) as plain,
            context.wrap_socket(plain) as wrapped,
        ):
            shown = wrapped.getpeercert(binary_form=True)
    except ssl.SSLError as error:
        raise DaemonUnreachableError(key, "what answers there speaks no TLS 1.3") from error
    except OSError as error:
        raise DaemonUnreachableError(key, str(error.strerror or error)) from error
    if not shown:
        raise DaemonUnreachableError(key, "it shows no certificate")
    return shown


def _fingerprint(certificate: bytes) -> str:
    return hashlib.sha256(certificate).hexdigest()


def _file() -> Path:
    return settings_file().with_name(_FILE)


def _trusted() -> dict[str, str]:
    """Return certificates as PEM by the address."""
    try:
        given = json.loads(_file().read_text(encoding="utf-8"))
        return {str(key): str(value) for key, value in given.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise BadInputError(
            f"{_file()} cannot be read: {error}. Repair it, or remove it and trust daemons again."
        ) from error
