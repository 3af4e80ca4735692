"""Rotolink's actions in Silhouette's menus, and the one desk behind them."""

from __future__ import annotations

from typing import Any, Callable, Optional, final

import fx
from tools import window

from roto_client.desk import Desk
from roto_client.desk.following import Way
from roto_client.desk.state import Link
from roto_client.errors import HostError
from roto_silhouette import first_run
from roto_silhouette.host import SilhouetteHost

_TITLE = "Rotolink"


@final
class Seat:
    """The desk of this Silhouette, made when it is first needed, and what goes on by itself."""

    def __init__(self) -> None:
        self._desk: Optional[Desk] = None
        self.host: Optional[SilhouetteHost] = None
        self._steps: list[Callable[[Desk], object]] = []
        self._panel: Any = None
        self._timer: Any = None
        self._lost = False

    @property
    def desk(self) -> Desk:
        """Return the desk, connected to the daemon of this machine at first use."""
        if self._desk is None:
            self.host = SilhouetteHost(qt=fx.gui)
            self._desk = Desk(self.host)
            self._desk.watch(self._go_on)
            self._desk.watch(self._tell_lost)
            self._desk.connect()
            if fx.gui:
                from roto_client.panel.alone import turning  # noqa: PLC0415 - Qt only where there are windows

                self._timer = turning(self.turn)
        return self._desk

    def turn(self) -> None:
        """Hand over what came from the daemon, and take the next step of what goes on by itself."""
        if self.host is not None:
            self.host.run_waiting()
        self._go_on()

    def open_panel(self) -> None:
        """Show the panel over Silhouette's window."""
        from roto_client.panel.alone import open_window  # noqa: PLC0415 - as above

        self._panel = open_window(self.desk, window.get_main_window())

    def generate(self) -> None:
        """From prompts to shapes in one go: open the plate, point, follow both ways, write."""
        self.desk.open_plate()
        self._steps = [Desk.point_in_host, lambda desk: desk.track(Way.BOTH), Desk.write]

    def _tell_lost(self) -> None:
        """Say that the daemon is gone: the panel, which shows it, may be closed."""
        state = self.desk.state
        if state.link is Link.LOST and not self._lost and self.host is not None:
            self.host.message(
                f"The daemon at {state.address} does not answer any more. Rotolink waits for it to come back; "
                "nothing drawn is lost."
            )
        self._lost = state.link is Link.LOST

    def _go_on(self) -> None:
        desk = self._desk
        if desk is None or not self._steps or not desk.is_idle:
            return
        if desk.state.is_error:
            self._steps.clear()
            return
        self._steps.pop(0)(desk)


SEAT = Seat()


class _Item(fx.Action):
    """A menu item that does one thing, and says by a dialog why it cannot."""

    def __init__(self, label: str, do: Callable[[Seat], object]) -> None:
        super().__init__(f"{_TITLE}|{label}")
        self._do = do

    def available(self) -> None:
        """Refuse while no session is open, as Silhouette wants to be told."""
        if fx.activeSession() is None:
            raise AssertionError("Open a project and select a session first.")

    def execute(self, **given: Any) -> None:  # noqa: ANN401 - what Silhouette gives
        """Do it."""
        try:
            self._do(SEAT)
        except HostError as error:
            fx.displayError(str(error), title=_TITLE)


def register() -> None:
    """Add Rotolink's actions to the menus."""
    todo: dict[str, Callable[[Seat], object]] = {
        "Generate shape": Seat.generate,
        "Start a daemon": lambda seat: seat.desk.start_daemon(),
        "Point by prompts": lambda seat: seat.desk.point_in_host(),
        "Track": lambda seat: seat.desk.track(Way.BOTH),
        "Stop": lambda seat: seat.desk.stop(),
        "Write shapes": lambda seat: seat.desk.write(),
        "Refine from here": lambda seat: seat.desk.refine(),
        "Check this Silhouette": lambda _: first_run.run(),
    }
    if fx.gui:
        todo = {"Open the panel": Seat.open_panel, **todo}
    for label, do in todo.items():
        fx.addAction(_Item(label, do))
