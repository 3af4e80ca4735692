"""The folder of checkpoints on this machine: what lies there, whether it is what was published, whether it may be used.

`SHA256SUMS` in it, in the form of the command of that name, tells the sums of files that were verified. It stands in
for a published sum where there is none, so that a file that changes later is noticed all the same.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

from roto_daemon.checkpoints.policy import Policy, read_policy
from roto_daemon.checkpoints.table import Checkpoint, Commercial, checkpoint
from roto_daemon.config import Config
from roto_daemon.errors import UnavailableError, WeightsError, writing
from roto_shapes.files import write_whole

SUMS_FILE = "SHA256SUMS"
_SUM_LINE = re.compile(r"(?P<sum>[0-9a-f]{64}) [ *](?P<file>[^/\\\n]+)")
_SHORT_SUM = 12
"""Digits of a sum that name weights in exports: enough to tell files apart, short enough for a header."""

_DEFAULT_PLACES = {"darwin": "Library/Application Support/Rotolink", "win32": "AppData/Local/Rotolink"}


def default_folder() -> Path:
    """Return where checkpoints lie when no setting says otherwise: in this user's data folder."""
    return Path.home() / _DEFAULT_PLACES.get(sys.platform, ".local/share/rotolink") / "models"


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
        file = self.file(wanted)
        actual = self._sum_of(file)
        expected = wanted.sha256 or self.sums().get(wanted.file, "") or actual
        if actual != expected:
            raise WeightsError(
                f"'{file}' is not the file that was published: its sha256 is {actual}, not {expected}. "
                f"Fetch it again with: roto-daemon models pull {wanted.name}"
            )
        return actual

    def sums(self) -> dict[str, str]:
        """Return the sums of files that were verified, by their names."""
        try:
            text = (self.path / SUMS_FILE).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return {}
        lines = filter(None, map(_SUM_LINE.fullmatch, text.splitlines()))
        return {line["file"]: line["sum"] for line in lines}

    def record(self, wanted: Checkpoint, sha256: str) -> None:
        """Note that a file was verified; the caller holds the folder's lock. Raises OutputError."""
        sums = {**self.sums(), wanted.file: sha256}
        text = "".join(f"{each}  {file}\n" for file, each in sorted(sums.items()))
        with writing(self.path / SUMS_FILE):
            write_whole(self.path / SUMS_FILE, text.encode())

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
