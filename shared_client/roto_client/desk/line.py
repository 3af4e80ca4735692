"""The line to the daemon: found, lost, found again. It belongs to the desk's worker thread."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Optional

from roto_client.desk.board import Board
from roto_client.desk.shot import Control, Render, Shot
from roto_client.desk.state import Link
from roto_client.desk.views import Views
from roto_client.errors import ClientError, DaemonUnreachableError
from roto_client.host import HostPlate
from roto_client.results import Matte
from roto_client.session import Daemon

Connect = Callable[[Optional[str]], Daemon]
"""Meets the daemon at an address, None for where one is by default."""


class Line:
    """The daemon and the shot that is open there."""

    def __init__(self, board: Board, connect: Connect) -> None:
        self.shot: Optional[Shot] = None
        self.address: Optional[str] = None
        self._board = board
        self._connect = connect
        self._daemon: Optional[Daemon] = None
        self._given: Optional[HostPlate] = None
        self._engine = ""
        self._lost = False

    def connect(self, address: Optional[str]) -> None:
        """Meet the daemon."""
        self._leave()
        self.address, self._lost = address, False
        daemon = self._daemon = self._connect(address)
        engines = daemon.engines()
        said = f"Connected to the daemon at {daemon.address}, Rotolink {daemon.info.version}."
        self._board.later(
            lambda: self._board.change(
                link=Link.CONNECTED, address=daemon.address, engines=engines, said=said, is_error=False
            )
        )

    def open(self, given: HostPlate, engine: str) -> Shot:
        """Open a plate and start to work on it with an engine."""
        if self._daemon is None:
            raise DaemonUnreachableError(self.address or "this machine's address")
        shot = Shot(self._daemon, given, self._render(given))
        try:
            shot.begin(engine)
        except ClientError:
            shot.close()
            raise
        before, self.shot = self.shot, shot
        self._given, self._engine = given, engine
        if before is not None:
            before.close()
        return shot

    def use_engine(self, engine: str) -> Shot:
        """Work on with another engine, on the same plate."""
        shot = self.require_shot()
        shot.begin(engine)
        self._engine = engine
        return shot

    def require_shot(self) -> Shot:
        """Return the shot that is open; raises DaemonUnreachableError while the daemon is lost."""
        if self.shot is None or self._lost:
            raise DaemonUnreachableError(self.address or self._board.state.address)
        return self.shot

    def is_well(self) -> bool:
        """Say whether the daemon is still there, and still the one that was met."""
        if self._daemon is None or self._lost:
            return False
        try:
            return self._daemon.greet().daemon_id == self._daemon.info.daemon_id
        except ClientError:
            return False

    def lose(self) -> None:
        """Take note that the daemon is gone."""
        if self._daemon is not None and not self._lost:
            self._lost = True
            address = self._daemon.address
            said = f"The daemon at {address} is gone. Rotolink waits for it to come back; nothing drawn is lost."
            self._board.later(lambda: self._board.change(link=Link.LOST, said=said, is_error=True))

    @property
    def is_lost(self) -> bool:
        """Say whether a daemon was met and is gone."""
        return self._lost

    def reconnect(self, control: Control, views: Views) -> bool:
        """Look for a daemon that was lost; put everything back when it is there, and say whether it is."""
        try:
            daemon = self._connect(self.address or self._board.state.address or None)
        except ClientError:
            return False
        before, self._daemon = self._daemon, daemon
        if before is not None:
            before.leave()
        engines = daemon.engines()
        if self._given is not None:
            self._put_back(daemon, self._given, control, views)
        self._lost = False
        said = "The daemon is back."
        if self.shot is not None:
            said += " What was pointed at and drawn is there again; frames in between have to be tracked again."
        self._board.later(
            lambda: self._board.change(
                link=Link.CONNECTED, address=daemon.address, engines=engines, said=said, is_error=False
            )
        )
        return True

    def close(self) -> None:
        """Let go of the daemon; what is open there can be found again."""
        self._leave()

    def _put_back(self, daemon: Daemon, given: HostPlate, control: Control, views: Views) -> None:
        shot = Shot(daemon, given, self._render(given))
        shot.begin(self._engine)
        self.shot = shot
        mattes = shot.restore(self._board.state.objects, control)
        self._board.later(lambda: show_restored(self._board, views, mattes))

    def _render(self, given: HostPlate) -> Optional[Render]:
        host = self._board.host
        if not host.abilities.render:
            return None
        return lambda frame: self._board.ask_host(lambda: host.render(given, frame))

    def _leave(self) -> None:
        self.shot, self._given = None, None
        if self._daemon is not None:
            self._daemon.leave()
            self._daemon = None


def show_restored(board: Board, views: Views, mattes: dict[tuple[int, int], Matte]) -> None:
    """Show the mattes of a session that was made anew, and those alone."""
    views.clear_mattes()
    board.change(found={}, objects=tuple(replace(each, stale=bool(each.prompts)) for each in board.state.objects))
    for (key, frame), matte in mattes.items():
        views.keep(key, matte)
        board.put_found(key, {frame: matte.confidence})
