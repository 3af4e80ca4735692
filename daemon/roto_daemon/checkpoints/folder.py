"""The folder of checkpoints on this machine: what lies there, whether it is what was published, whether it may be used.

`SHA256SUMS` in it, in the form of the command of that name, tells the sums of files that were verified. It stands in
for a published sum where there is none, so that a file that changes later is noticed all the same.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from roto_daemon.checkpoints.policy import Policy, read_policy
from roto_daemon.checkpoints.table import Checkpoint, Commercial, checkpoint
from roto_daemon.config import Config, user_folder
from roto_daemon.errors import ConflictError, UnavailableError, WeightsError, writing
from roto_shapes.files import write_whole

SUMS_FILE = "SHA256SUMS"
_LOCK_FILE = ".lock"
_SUM_LINE = re.compile(r"(?P<sum>[0-9a-f]{64}) [ *](?P<file>[^/\\\n]+)")
_SHORT_SUM = 12
"""Digits of a sum that name weights in exports: enough to tell files apart, short enough for a header."""


def default_folder() -> Path:
    """Return where checkpoints lie when no setting says otherwise: in this user's data folder."""
    return user_folder(".local/share/rotolink") / "models"


class ModelsFolder:
    """The checkpoints of this machine. Making one reads the policy and nothing else; the folder need not be there."""

    def __init__(self, path: Path, policy: Policy) -> None:
        self.path = path
        self.policy = policy
        self._seen: dict[Path, tuple[tuple[int, int, int], str]] = {}

    @classmethod
    def of(cls, config: Config) -> ModelsFolder:
        """Return the folder that the settings name; raises ConfigError for a policy that cannot be used."""
        path = Path(config.models_dir).expanduser().absolute() if config.models_dir else default_folder()
        return cls(path, read_policy(path, config.policy, config.forbid_licences))

    def file(self, wanted: Checkpoint) -> Path:
        """Return where a checkpoint lies, or would."""
        return self.path / wanted.file

    def has(self, wanted: Checkpoint) -> bool:
        """Return whether a checkpoint lies here, whatever is in it."""
        return self.file(wanted).is_file()

    def unavailable(self, *names: str) -> str:
        """Return why an engine cannot work with these checkpoints and what to do, in a sentence; empty when it can.

        Cheap: it looks for files and does not read them.
        """
        wanted = [checkpoint(name) for name in names]
        for each in wanted:
            objection = self.policy.objection(each.terms)
            if objection:
                return f"{each.name}: {objection}."
        missing = [each for each in wanted if not self.has(each)]
        if not missing:
            return ""
        withheld = next((each for each in missing if each.withheld), None)
        if withheld:
            return f"{withheld.name} is not in {self.path} and cannot be fetched: {withheld.withheld}."
        command = f"roto-daemon models pull {' '.join(each.name for each in missing)}"
        return f"its weights are not in {self.path}. Fetch them with: {command}"

    def weights(self, *names: str) -> str:
        """Return what exports say of these checkpoints: file, begin of its sha256, licence.

        Cheap, as `unavailable`. A sum that nobody published and nothing verified is told as "unverified".
        """
        return ", ".join(self._label(checkpoint(name)) for name in names)

    def verified(self, name: str) -> Path:
        """Return a checkpoint's file after reading it whole and comparing its sum; once for a file that stays as it is.

        Raises UnavailableError where `unavailable` says why, WeightsError for a file that is not what it should be.
        A file without any known sum is returned as it is: whoever put it there vouches for it.
        """
        wanted = checkpoint(name)
        refusal = self.unavailable(name)
        if refusal:
            raise UnavailableError(f"'{name}' cannot be used: {refusal}")
        self.require_intact(wanted)
        return self.file(wanted)

    def require_intact(self, wanted: Checkpoint) -> str:
        """Return the sha256 of a checkpoint that lies here; raises WeightsError when it should be another."""
        return self.judge(wanted, self.file(wanted))[0]

    def settle(self, wanted: Checkpoint, file: Path) -> str:
        """Verify a file, put it in its place, note its sum, and return in words how far it was verified.

        The caller holds the lock. Raises WeightsError, leaving the file where it is, and OutputError.
        """
        sha256, words = self.judge(wanted, file)
        place = self.file(wanted)
        if file != place:
            with writing(place):
                with file.open("rb+") as stream:
                    os.fsync(stream.fileno())
                file.replace(place)
        if self.sums().get(wanted.file) != sha256:
            self._record(wanted, sha256)
        return words

    def set_aside(self, wanted: Checkpoint, file: Path) -> Path:
        """Rename a file that is not what it should be, so that nothing takes it for weights; return its new name."""
        kept = self.path / f"{wanted.file}.refused"
        with writing(kept):
            file.replace(kept)
        return kept

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder and keep others from changing it; raises ConflictError at once while another one does."""
        lock = FileLock(self.path / _LOCK_FILE)
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                message = f"Another roto-daemon changes '{self.path}' just now: wait for it to end, then try again."
                raise ConflictError(message) from None
        try:
            yield
        finally:
            lock.release()

    def sums(self) -> dict[str, str]:
        """Return the sums of files that were verified, by their names."""
        try:
            text = (self.path / SUMS_FILE).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return {}
        lines = filter(None, map(_SUM_LINE.fullmatch, text.splitlines()))
        return {line["file"]: line["sum"] for line in lines}

    def _record(self, wanted: Checkpoint, sha256: str) -> None:
        sums = {**self.sums(), wanted.file: sha256}
        text = "".join(f"{each}  {file}\n" for file, each in sorted(sums.items()))
        with writing(self.path / SUMS_FILE):
            write_whole(self.path / SUMS_FILE, text.encode())

    def judge(self, wanted: Checkpoint, file: Path) -> tuple[str, str]:
        """Return the sha256 of a file and in words how far it is verified, wherever it lies.

        Raises WeightsError for a file that is not the one that was published, or not the one noted here.
        """
        actual, noted = self._sum_of(file), self.sums().get(wanted.file, "")
        again = f"Fetch it again with: roto-daemon models pull {wanted.name}."
        if wanted.sha256:
            _require("is not the file that was published", file, (actual, wanted.sha256), again)
            return actual, "its sha256 is the published one"
        if noted:
            hint = f"Where that is right, take its line out of {SUMS_FILE}; else fetch it again."
            _require(f"is another file than the one noted in {SUMS_FILE}", file, (actual, noted), hint)
        if wanted.md5:
            _require("is not the file that was published", file, (digest(file, "md5"), wanted.md5), again)
            return actual, "its md5 is the published one; nobody publishes a sha256"
        known = f"unverified: nobody publishes a checksum. Its sha256 is {actual}"
        return actual, f"{known}, as when it was first noted" if noted else f"{known}, noted in {SUMS_FILE}"

    def _label(self, wanted: Checkpoint) -> str:
        known = wanted.sha256 or self.sums().get(wanted.file, "")
        commercial = wanted.terms.commercial
        caveat = "" if commercial is Commercial.YES else f", commercial use: {commercial.value}"
        return f"{wanted.file} {known[:_SHORT_SUM] or 'unverified'} ({wanted.terms.licence}{caveat})"

    def _sum_of(self, file: Path) -> str:
        try:
            status = file.stat()
            state = (status.st_ino, status.st_size, status.st_mtime_ns)
            seen = self._seen.get(file)
            if seen and seen[0] == state:
                return seen[1]
            actual = digest(file, "sha256")
        except OSError as error:
            raise WeightsError(f"The weights '{file}' cannot be read: {error.strerror}.") from error
        self._seen[file] = (state, actual)
        return actual


def digest(file: Path, kind: str) -> str:
    """Return the `sha256` or `md5` of a file in lower-case hexadecimal; raises OSError."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()


def _require(fault: str, file: Path, sums: tuple[str, str], hint: str) -> None:
    actual, expected = sums
    if actual != expected:
        raise WeightsError(f"'{file}' {fault}: its checksum is {actual}, not {expected}. {hint}")
