"""The daemon's state folder: the record, what its rows speak of, and room for what lives as long as the process.

sessions.db   sessions/<id>/   plates/<id>/   run/   lock   damaged-…/
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from roto_daemon.config import Config, user_folder
from roto_daemon.errors import ConfigError
from roto_daemon.store import Store

_LEAVE_S = 5.0
"""How long a daemon that is being stopped may take to let go of the folder before its successor gives up."""


@dataclass(frozen=True)
class StateFolder:
    """A state folder that belongs to this process."""

    path: Path
    store: Store

    def session(self, session_id: str) -> Path:
        """Return the folder of a session's mattes."""
        return self.path / "sessions" / session_id

    def plate(self, plate_id: str) -> Path:
        """Return the folder of a plate's uploaded frames."""
        return self.path / "plates" / plate_id

    @property
    def run(self) -> Path:
        """Return the folder of what ends with the process."""
        return self.path / "run"

    def left_over(self, kind: str, known: set[str]) -> list[Path]:
        """Return folders of sessions or plates (`kind`) that no row speaks of: a death came between the two."""
        return [each for each in (self.path / kind).glob("*") if each.name not in known]


def default_folder() -> Path:
    """Return where the state lies when no setting says otherwise: in this user's own folders."""
    return user_folder(".local/state/rotolink") / "state"


def state_path(config: Config) -> Path:
    """Return where a daemon of these settings has its state."""
    return Path(config.state_folder).expanduser().absolute() if config.state_folder else default_folder()


@contextlib.contextmanager
def state_folder(config: Config) -> Iterator[StateFolder]:
    """Open the state folder for the time of the context, for this process alone.

    The caller closes the store. Raises ConfigError when the folder cannot be used or belongs to another daemon.
    """
    path = state_path(config)
    with contextlib.ExitStack() as stack:
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            stack.enter_context(FileLock(path / "lock", timeout=_LEAVE_S, mode=0o600))
            stack.callback(_clear, path / "run")
            _clear(path / "run")
            (path / "run").mkdir()
            if os.name != "nt":
                path.chmod(0o700)  # plates under non-disclosure: nobody else reads what was made of them
        except Timeout:
            raise ConfigError(
                f"The state folder {path} belongs to another daemon that is running: stop that one, or set another "
                "state_folder for this one."
            ) from None
        except OSError as error:
            why = f"The state folder {path} cannot be used ({error.strerror}): set state_folder."
            raise ConfigError(why) from error
        yield StateFolder(path, Store.opened(path))


def _clear(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
