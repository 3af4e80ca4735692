"""What Rotolink's menu and buttons do. On Nuke's main thread; all returns at once, and the desk goes on by itself."""

from __future__ import annotations

import atexit
import functools
import importlib
from typing import Callable

import nuke

from roto_client.desk import Desk
from roto_client.desk.state import Link
from roto_client.errors import HostError
from roto_nuke import menus, prompts
from roto_nuke.host import NukeHost, refusals
from roto_nuke.plates import ROTOLINK_GROUP

_BOX_PX = 3.0
"""A sample of a smaller side is a place and no box: a click samples a pixel or few."""


@functools.cache
def desk() -> Desk:
    """Return the one desk of this Nuke."""
    made = Desk(NukeHost())
    before = [made.state.link]

    def changed() -> None:
        """Say in a window that the daemon is gone: the panel, which shows it, may be closed."""
        link = made.state.link
        if link is Link.LOST and before[0] is not Link.LOST:
            made.host.message(
                f"The daemon at {made.state.address} does not answer any more. Rotolink waits for it to come back; "
                "nothing drawn is lost."
            )
        before[0] = link

    made.watch(changed)
    atexit.register(made.close)
    return made


def open_panel() -> None:
    """Show the panel; where this Nuke has no Qt for it, say what there is instead."""
    try:
        importlib.import_module("roto_client.panel.qt")
    except ImportError:
        desk().host.message(
            "This Nuke has neither PySide6 nor PySide2, which the panel needs: use Rotolink > Points in the Viewer."
        )
    else:
        menus.open_panel()


def start_daemon() -> None:
    """Start a daemon on this machine."""
    desk().start_daemon()


def add_group() -> None:
    """Make a Rotolink group behind the selected node, to point in the Viewer."""
    host = desk().host
    try:
        with host.undo_step("Rotolink group"), refusals("make a Rotolink group"):
            prompts.create_group().showControlPanel()
    except HostError as error:
        host.message(str(error))


def point() -> None:
    """Point at what the group's points and box say on the Viewer's frame."""
    _on_plate(desk().point_in_host)


def point_at_sample() -> None:
    """Point at what was sampled in the Viewer: at a place by Ctrl+click, at a box by Ctrl+Shift+drag."""
    _on_plate(lambda: _point_at_sample(foreground=True))


def point_off_sample() -> None:
    """Say that what was sampled in the Viewer by Ctrl+click is not the object."""
    _on_plate(lambda: _point_at_sample(foreground=False))


def track() -> None:
    """Follow the object, pointed at by the group where nothing was pointed at yet, to both ends of the plate."""

    def follow() -> None:
        thing = desk().state.selected
        if thing is None or not thing.prompts:
            desk().point_in_host()
        desk().track()

    _on_plate(follow)


def stop() -> None:
    """Stop what is under way; frames done stay."""
    desk().stop()


def to_roto() -> None:
    """Write the shapes into a Roto node."""
    desk().write()


def refine() -> None:
    """Take the artist's edits back, follow the object anew round them and write again."""
    desk().follow_host()
    desk().refine()


def check() -> None:
    """Try in this Nuke what is known of others alone, and say what was found."""
    from roto_nuke import first_run  # noqa: PLC0415 - it is needed once in a Nuke's life

    desk().host.message(first_run.report(first_run.run()))


def _point_at_sample(*, foreground: bool) -> None:
    here = desk()
    here.follow_host()
    plate = here.state.plate
    if plate is None:
        return
    try:
        with refusals("look at the Viewer's sample"):
            left, top, right, bottom = prompts.sampled(plate)
    except HostError as error:
        here.host.message(str(error))
        return
    if foreground and right - left >= _BOX_PX and bottom - top >= _BOX_PX:
        here.box(left, top, right, bottom)
    else:
        here.click((left + right) / 2, (top + bottom) / 2, foreground=foreground)


def _on_plate(then: Callable[[], None]) -> None:
    """Do something once the plate of the node that was pressed, or is selected, is open."""
    here = nuke.thisNode()
    if here is not None and here.knob(ROTOLINK_GROUP) is not None and not here.isSelected():
        for node in nuke.selectedNodes():
            node.setSelected(False)
        here.setSelected(True)
    if desk().state.link in {Link.NONE, Link.LOST}:
        desk().connect()
    try:
        wanted = desk().host.plate().key
    except HostError as error:
        desk().host.message(str(error))
        return
    _when_open(wanted, then)


def _when_open(wanted: str, then: Callable[[], None]) -> None:
    """Open the selected node's plate, and go on when it is the one at hand; an error ends the waiting."""
    here = desk()
    if here.opened == wanted:
        then()
        return

    def changed() -> None:
        if here.opened == wanted:
            end()
            then()
        elif here.state.is_error and here.is_idle:
            end()

    end = here.watch(changed)
    here.open_plate()
