"""The line to the daemon: found, lost, found again. It belongs to the desk's worker thread."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Callable, Optional

from roto_client.desk.board import Board
from roto_client.desk.note import Note
from roto_client.desk.shot import Control, Render, Shot
from roto_client.desk.state import Link, OfferedDaemon
from roto_client.desk.views import Views
from roto_client.discovery import daemons_here, daemons_on_the_network
from roto_client.errors import BadInputError, ClientError, DaemonUnreachableError, EngineUnavailableError
from roto_client.host import HostPlate
from roto_client.results import Matte
from roto_client.session import Daemon

_LISTEN_S = 1.5
"""Daemons on a local network answer within a second."""

Connect = Callable[[Optional[str]], Daemon]
"""Meets the daemon at an address, None for where one is by default."""
Start = Callable[[], str]
"""Starts a daemon on this machine, waits until it answers, and returns its address."""


class Line:
    """The daemon and the shot that is open there."""

    def __init__(self, board: Board, connect: Connect) -> None:
        self.shot: Optional[Shot] = None
        self.address: Optional[str] = None
        self.had_session = False
        """Whether the daemon still had the session when it was found again."""
        self._board = board
        self._connect = connect
        self._daemon: Optional[Daemon] = None
        self._given: Optional[HostPlate] = None
        self._lost = False

    def connect(self, address: Optional[str], control: Control, views: Views) -> None:
        """Meet a daemon; the plate that is open goes along. While none is met all of before stays."""
        daemon = self._connect(address)
        self.address = address
        said = f"Connected to the daemon at {daemon.address}, Rotolink {daemon.info.version}, by {daemon.reached_by}."
        self._met(daemon, said, control, views)

    @staticmethod
    def offered() -> tuple[OfferedDaemon, ...]:
        """Return the daemons on this machine and on the network; those here alone where nothing listens there."""
        here = [OfferedDaemon("this machine", each.address) for each in daemons_here()]
        with contextlib.suppress(BadInputError):
            there = daemons_on_the_network(_LISTEN_S)
            here += [
                OfferedDaemon(each.name, each.address)
                for each in there
                if each.address not in {e.address for e in here}
            ]
        return tuple(here)

    def open(self, given: HostPlate, note: Note) -> Shot:
        """Open a plate and go on with the session that a note names, or start one."""
        if self._daemon is None:
            raise DaemonUnreachableError(self.address or "this machine's address")
        shot = Shot(self._daemon, given, self._render(given), note.session_id)
        if not shot.session_id:
            _begin(shot, note.engine)
        self.shot = shot
        self._given = given
        return shot

    def use_engine(self, engine: str) -> Shot:
        """Work on with another engine, on the same plate."""
        shot = self.require_shot()
        shot.begin(engine)
        return shot

    def require_shot(self) -> Shot:
        """Return the shot that is open; raises DaemonUnreachableError while the daemon is lost."""
        if self.shot is None or self._lost:
            raise DaemonUnreachableError(self.address or self._board.state.address)
        return self.shot

    def pulse(self) -> None:
        """Show whether the daemon answers, on the looker's thread: while it is away the worker may wait for it."""
        daemon = self._daemon
        if daemon is None or self._lost:
            return
        try:
            daemon.greet()
        except DaemonUnreachableError:
            link = Link.LOST
        except ClientError:
            return
        else:
            link = Link.CONNECTED
        if self._board.state.link is link or self._board.state.link is Link.CONNECTING:
            return
        if link is Link.LOST:
            said = f"The daemon at {daemon.address} does not answer. Rotolink waits for it; nothing drawn is lost."
            self._board.later(lambda: self._board.change(link=link, said=said, is_error=True))
        else:
            self._board.later(lambda: self._board.change(link=link))

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
    def link(self) -> Link:
        """Return how things stand with the daemon, where nobody connects just now."""
        if self._daemon is None:
            return Link.NONE
        return Link.LOST if self._lost else Link.CONNECTED

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
        self._met(daemon, "The daemon is back.", control, views)
        return True

    def close(self) -> None:
        """Let go of the daemon; what is open there can be found again."""
        self.shot, self._given = None, None
        if self._daemon is not None:
            self._daemon.leave()
            self._daemon = None

    def _met(self, daemon: Daemon, said: str, control: Control, views: Views) -> None:
        engines = daemon.engines()
        before, self._daemon = self._daemon, daemon
        if before is not None:
            before.leave()
        failed = ""
        try:
            self.had_session = self._given is not None and self._put_back(daemon, self._given, control, views)
        except (BadInputError, EngineUnavailableError) as error:  # this daemon cannot have the plate
            self.shot, self.had_session, failed = None, False, str(error)
        self._lost = False
        if self.shot is not None and not self.had_session:
            said += " What was pointed at and drawn is there again; frames in between have to be tracked again."
        self._board.later(
            lambda: self._board.change(
                link=Link.CONNECTED,
                address=daemon.address,
                engines=engines,
                said=failed or said,
                is_error=bool(failed),
            )
        )

    def _put_back(self, daemon: Daemon, given: HostPlate, control: Control, views: Views) -> bool:
        """Go on with the session of before, or make it anew; say whether the daemon had it still."""
        state = self._board.state
        shot = Shot(daemon, given, self._render(given), self.shot.session_id if self.shot else "")
        had_it = bool(shot.session_id)
        if not had_it:
            _begin(shot, state.engine)
        self.shot = shot
        mattes = shot.restore(state.objects, control)
        self._board.later(lambda: show_restored(self._board, views, mattes, fresh=not had_it))
        return had_it

    def _render(self, given: HostPlate) -> Optional[Render]:
        host = self._board.host
        if not host.abilities.render:
            return None
        return lambda frame: self._board.ask_host(lambda: host.render(given, frame))


def show_restored(board: Board, views: Views, mattes: dict[tuple[int, int], Matte], *, fresh: bool = True) -> None:
    """Show the mattes that came of putting things back; of a session that was made anew those alone."""
    if fresh:
        views.clear_mattes()
        board.change(found={}, objects=tuple(replace(each, stale=bool(each.prompts)) for each in board.state.objects))
    for (key, frame), matte in mattes.items():
        views.keep(key, matte)
        board.put_found(key, {frame: matte.confidence})


def _begin(shot: Shot, engine: str) -> None:
    """Start a session with the engine of before, or with the daemon's choice where that cannot be used any more."""
    try:
        shot.begin(engine)
    except (BadInputError, EngineUnavailableError):
        if not engine:
            raise
        shot.begin()
