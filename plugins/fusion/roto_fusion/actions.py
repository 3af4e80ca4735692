"""What an artist can do from Fusion's own window or dialogs: one list for both."""

from __future__ import annotations

import threading
from typing import Callable, final

from roto_client.desk import Desk
from roto_client.desk.following import Way
from roto_client.desk.state import Link
from roto_client.errors import HostError
from roto_client.host import HostPlate
from roto_fusion.host import BOX, OFF, ON, FusionHost
from roto_shapes.fit_options import FitOptions
from roto_shapes.shot import spans

_LOOK_EVERY_S = 0.02
_LONGEST_S = 3600.0
"""Longer than any shot takes; what hangs at the daemon ends by its own deadlines much sooner."""


@final
class Actions:
    """The desk's gestures for a window without a picture: prompts are masks that the artist drags in the viewer."""

    def __init__(self, host: FusionHost, desk: Desk) -> None:
        self._host = host
        self._desk = desk
        self.all: dict[str, Callable[[], None]] = {
            "Start daemon": desk.start_daemon,
            "Open plate": desk.open_plate,
            "Place click": lambda: self._place(ON),
            "Place exclusion": lambda: self._place(OFF),
            "Place box": lambda: self._place(BOX),
            "Use prompts": self._use_prompts,
            "Track back": lambda: self._track(Way.BACKWARD),
            "Track both": lambda: self._track(Way.BOTH),
            "Track on": lambda: self._track(Way.FORWARD),
            "Write masks": desk.write,
            "Refine from here": self._refine,
            "Lock keyframe": self._lock,
            "New object": desk.add_object,
            "Undo": desk.undo,
            "Redo": desk.redo,
        }
        """By what their buttons say; each returns at once."""

    def stop(self) -> None:
        """Stop what is under way."""
        self._desk.stop()

    def set_bound(self, tolerance: str, points: str) -> None:
        """Fit from now on as two fields say; a number of points goes before a tolerance."""
        try:
            given = int(points) if points.strip() else None
            tolerance_px = float(tolerance) if tolerance.strip() and given is None else None
            self._desk.fit_options = FitOptions.bounded(tolerance_px, given)
        except ValueError as error:
            known = "could not convert" not in str(error) and "invalid literal" not in str(error)
            self._host.message(str(error) if known else "Tolerance and points are numbers, such as 0.5 and 30.")

    def turn(self) -> None:
        """Hand over what came from the daemon, and look where the artist is."""
        self._host.run_waiting()
        self._desk.follow_host()

    def wait(self) -> None:
        """Turn until nothing is under way: for dialogs, that have no loop of their own."""
        pause = threading.Event()
        for _ in range(round(_LONGEST_S / _LOOK_EVERY_S)):
            self.turn()
            if self._desk.is_idle:
                break
            pause.wait(_LOOK_EVERY_S)
        self.turn()

    def status(self) -> str:
        """Return how things stand, a line each."""
        state = self._desk.state
        lines = [f"{state.address or 'No daemon'}: {state.link.value}" if state.link is not Link.NONE else "No daemon."]
        if state.plate is not None:
            lines.append(f"{state.plate.name}: frame {state.frame} of {state.plate.frames}, {state.engine}")
        thing = state.selected
        if thing is not None:
            found = state.found_of(thing.key).confidence
            here = f", {found[state.frame]:.0%} sure here" if state.frame in found else ""
            lines.append(f"{thing.name}: mattes on {spans(sorted(found)) or 'no frame yet'}{here}")
        if thing is not None and thing.shapes:
            points = sum(shape.point_count for shape in thing.shapes)
            locked = f", locked: {spans(sorted(thing.locked))}" if thing.locked else ""
            stale = ", out of date" if thing.stale else ""
            lines.append(f"{len(thing.shapes)} masks, {points} points, {len(thing.keyframes)} keyframes{locked}{stale}")
        work = state.work
        if work is not None:
            lines.append(f"{work.title} {work.done}/{work.total}" if work.total else work.title)
        return "\n".join([*lines, state.said])

    def _place(self, kind: str) -> None:
        try:
            self._host.place_prompt(kind)
        except HostError as error:
            self._host.message(str(error))

    def _use_prompts(self) -> None:
        """Point at what the prompt masks say on the frame that Fusion shows, and take them out of the flow."""
        self._desk.follow_host()
        state = self._desk.state
        if state.plate is None:
            self._host.message("Open a plate first: select its tool, then press Open plate.")
            return
        if self._host.prompt(HostPlate(state.plate.name, state.plate), state.frame) is None:
            self._host.message("Place a click or a box first, and drag it onto the object in the viewer.")
            return
        self._desk.point_in_host()
        self._host.remove_prompts()

    def _track(self, way: Way) -> None:
        self._desk.follow_host()
        self._desk.track(way)

    def _refine(self) -> None:
        self._desk.follow_host()
        self._desk.refine()

    def _lock(self) -> None:
        self._desk.follow_host()
        self._desk.lock()
