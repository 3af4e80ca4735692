"""The certificate that a daemon shows beyond its machine: made at the first start, kept in the state folder.

It is its own root: clients do not trust whoever issued it but itself, by its fingerprint, which a person confirms once.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from roto_daemon.errors import ConfigError

NAME = "daemon.rotolink"
"""The name in every certificate. Clients look at the fingerprint, and hosts of a studio change their names."""

_FOLDER, _CERTIFICATE, _KEY = "tls", "certificate.pem", "key.pem"
_YEARS = 10
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """A certificate with its key, as files of PEM."""

    certificate_file: Path
    key_file: Path
    fingerprint: str
    """SHA-256 of the certificate, as 64 digits of base 16."""


def certificate_in(state: Path) -> Certificate:
    """Return the certificate of a state folder, made when there is none; raises ConfigError.

    Delete the folder `tls` in it for another; every client must confirm that one again.
    """
    from cryptography import x509  # noqa: PLC0415 - 15 MB that only a daemon of the network needs
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - the same

    folder = state / _FOLDER
    certificate_file, key_file = folder / _CERTIFICATE, folder / _KEY
    try:
        if not certificate_file.exists():  # it is written last
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make(certificate_file, key_file)
        parsed = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        key_file.read_bytes()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"The daemon's certificate in {folder} cannot be used ({error}): give this user the right to read and "
            "write there, or delete that folder for a new one."
        ) from error
    return Certificate(certificate_file, key_file, hashlib.sha256(parsed.public_bytes(Encoding.DER)).hexdigest())


def _make(certificate_file: Path, key_file: Path) -> None:
    from cryptography import x509  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - as above

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _DAY)  # clocks of a studio differ
        .not_valid_after(now + _DAY * 365 * _YEARS)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    _write(key_file, key.private_bytes(encoding, form, plain))
    _write(certificate_file, made.public_bytes(encoding))


def _write(file: Path, data: bytes) -> None:
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(data)
    fresh.replace(file)
