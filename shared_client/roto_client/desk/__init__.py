"""An artist's work in a host, without a window: what a panel shows and what its gestures do.

    desk = Desk(host)
    desk.watch(lambda: show(desk.state))
    desk.connect()
    desk.open_plate()
    desk.click(640.5, 400.5)

Everything here belongs to the host's main thread and returns at once: work goes to a thread of the desk's own, and what
comes of it is handed back by `Host.later`. Frames are the host's, places are plate pixels with y down. What fails
becomes a sentence in `DeskState.said`, and a message in the host's own way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Callable, Optional, final

from roto_client.desk.board import Board, with_prompt
from roto_client.desk.edits import with_keyframe, with_locks
from roto_client.desk.following import Following, Way, runs_from
from roto_client.desk.handover import Handover
from roto_client.desk.line import Connect, Line, Start, show_restored
from roto_client.desk.note import Note, found_again
from roto_client.desk.painting import Canvas, Place, thinned
from roto_client.desk.shot import Shot
from roto_client.desk.state import COLOURS, DeskObject, DeskState, Link
from roto_client.desk.views import PlatePicture, Views
from roto_client.desk.worker import Order, Running, Worker
from roto_client.errors import BusyError, ChangedElsewhereError, ClientError, DaemonUnreachableError, HostError
from roto_client.host import Host, HostPlate
from roto_client.local_daemon import start_here
from roto_client.results import Matte
from roto_client.session import connect as connect_to_daemon
from roto_shapes.fit_options import FitOptions
from roto_shapes.prompt import BoxPrompt, PointPrompt, Prompt
from roto_shapes.shape import RGB, Shape

_CONNECT = "connect"
"""Marks the orders that meet a daemon: the newest replaces one that waits."""


@final
class Desk:
    """One artist's work on the plate of a node."""

    def __init__(self, host: Host, connect: Connect = connect_to_daemon, start: Start = start_here) -> None:
        self._start = start
        self._board = Board(host)
        self._line = Line(self._board, connect)
        self._worker = Worker(self._show_work, self._failed, self._look_after)
        self._views = Views(lambda: self._line.shot, self._board.later, self._board.notice, self._line.pulse)
        self._broken_off: list[Order] = []
        """What a lost daemon cut short and what goes on when it is back; the worker's."""
        self._accepted: dict[tuple[int, int], Prompt] = {}
        """By key and frame, what the daemon took last."""
        self._handover = Handover(self._board, self._line, self._views, self._put)
        self.fit_options = FitOptions.bounded()
        """How shapes are fitted; the host's own interpolation takes the place of theirs."""

    @property
    def state(self) -> DeskState:
        """Return all that a view shows."""
        return self._board.state

    @property
    def host(self) -> Host:
        """Return the host."""
        return self._board.host

    @property
    def is_idle(self) -> bool:
        """Say whether nothing runs or waits."""
        return self._worker.is_idle

    @property
    def opened(self) -> str:
        """Return the key of the host's plate that is open; empty before one is."""
        given = self._handover.given
        return given.key if given is not None else ""

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call this on the main thread after `state`, a picture or a matte has changed; return what ends it."""
        return self._board.watch(changed)

    # The daemon and the plate

    def connect(self, address: Optional[str] = None) -> None:
        """Meet the daemon at `HOST:PORT`, by default the one of this machine."""
        self._board.change(link=Link.CONNECTING, said="Looking for the daemon.", is_error=False)

        def work(running: Running) -> None:
            self._line.connect(address, running, self._views)
            self._board.later(self.look)

        self._put(Order(work, instead_of=_CONNECT, refused=self._not_connected))

    def start_daemon(self) -> None:
        """Start a daemon on this machine and meet it, unless one answers. It goes on when the host ends."""
        if self.state.link is Link.CONNECTED:
            self._board.say(f"A daemon answers at {self.state.address}: none was started.", is_error=True)
            return
        said = "Starting a daemon on this machine: a moment."
        self._board.change(link=Link.CONNECTING, said=said, is_error=False)

        def work(running: Running) -> None:
            self._line.connect(self._start(), running, self._views)
            self._board.later(self.look)

        self._put(Order(work, instead_of=_CONNECT, refused=self._not_connected))

    def find_daemons(self) -> None:
        """Look on this machine and on the network for daemons to connect to; `DeskState.offered` has them then."""

        def work(_: Running) -> None:
            offered = self._line.offered()
            said = "Choose a daemon from the list." if offered else "No daemon is found here or on the network."
            self._board.later(lambda: self._board.change(offered=offered, said=said, is_error=False))

        self._put(Order(work, title="Looking for daemons", instead_of="find"))

    def reconnect(self) -> None:
        """Look at once for a daemon that is lost, or was never met."""
        if self.state.link is not Link.LOST:
            self.connect(self._line.address)
        else:
            self._put(Order(self._return, instead_of=_CONNECT))

    def open_plate(self) -> None:
        """Open the plate of the host's selected node, unless it is open already; without a daemon meet it first."""
        if self.state.link is Link.NONE:
            self.connect(self._line.address)
        try:
            given = self.host.plate()
            note = Note.parse(self.host.read_note(given))
        except HostError as error:
            self._board.say_error(error)
            return
        shot = self._line.shot
        if shot is not None and shot.key == given.key and self.state.plate is not None:
            return

        def work(_: Running) -> None:
            opened = self._line.open(given, note)
            self._board.later(lambda: self._opened(opened, given, note))

        title = f"Opening {given.plate.name or given.key}"
        self._board.say(f"{title}.")  # an error of before is over: who waits for this one looks at `is_error`
        self._put(Order(work, title=title, instead_of="open"))

    def use_engine(self, name: str) -> None:
        """Work on with another engine; what was pointed at and drawn goes along, mattes are made anew."""
        if name == self.state.engine:
            return

        def work(running: Running) -> None:
            shot = self._line.use_engine(name)
            mattes = shot.restore(self.state.objects, running)
            self._board.later(lambda: self._changed_engine(shot.engine, mattes))

        self._put(Order(work, title=f"Starting {name}"))

    def close(self) -> None:
        """Let go of everything, without waiting; the session stays at the daemon."""
        self._board.close()
        self._views.close()
        self._worker.close()
        self._line.close()

    # Looking

    def picture(self, frame: int) -> Optional[PlatePicture]:
        """Return a frame of the plate as far as it is here."""
        return self._views.picture(frame)

    def matte(self, key: int, frame: int) -> Optional[Matte]:
        """Return an object's matte on a frame as far as it is here."""
        return self._views.matte(key, frame)

    def look(self, longest_px: Optional[int] = None) -> None:
        """Fetch what is missing of the current frame, pictures of this size."""
        state = self.state
        if longest_px is not None:
            self._views.longest_px = longest_px
        if state.plate is None or state.link is not Link.CONNECTED:
            return
        shot = self._line.shot
        if shot is not None and shot.needs(state.frame):
            self._send(shot, state.frame)
        keys = [each.key for each in state.shown if each.visible and state.frame in state.found_of(each.key).confidence]
        self._views.look(state.frame, keys, state.plate.frames)

    def go_to(self, frame: int) -> None:
        """Show a frame of the plate, in the host too."""
        if self.state.plate is None:
            return
        frames = self.state.plate.frames
        frame = min(max(frame, frames.first), frames.last)
        self._board.change(frame=frame)
        self.look()
        with contextlib.suppress(HostError):
            if self.host.current_frame() != frame:
                self.host.show_frame(frame)

    def follow_host(self) -> None:
        """Show the frame that the host shows."""
        with contextlib.suppress(HostError):
            frame = self.host.current_frame()
            if self.state.plate is not None and frame != self.state.frame and frame in self.state.plate.frames:
                self._board.change(frame=frame)
                self.look()

    # Objects

    def add_object(self, name: str = "") -> None:
        """Add an object to follow and make it the one that gestures belong to."""
        key = max((each.key for each in self.state.objects), default=0) + 1
        taken = {name for each in self.state.objects for name in (each.name, each.born)}
        plain = name.strip() or f"object{key}"
        numbered = (f"{plain}_{number}" for number in range(2, len(taken) + 3))
        free = plain if plain not in taken else next(each for each in numbered if each not in taken)
        thing = DeskObject(key, free, free, COLOURS[(key - 1) % len(COLOURS)])
        self._board.step(f"adding {free}", replace(thing, removed=True), thing)
        self._board.change(current=key)
        self._write_note()

    def select(self, key: int) -> None:
        """Let gestures belong to an object."""
        if any(each.key == key for each in self.state.shown):
            self._board.change(current=key)

    def rename(self, key: int, name: str) -> None:
        """Give an object another name; shapes are written under it from now on."""
        thing, name = self.state.find(key), name.strip()
        if not name or name == thing.name:
            return
        if any(each.name == name for each in self.state.objects if each.key != key):
            self._board.say(f"There is another object named '{name}': choose another name.", is_error=True)
            return
        self._step("renaming", replace(thing, name=name, stale=thing.stale))

    def paint(self, key: int, colour: RGB) -> None:
        """Give an object another colour."""
        self._step("colouring", replace(self.state.find(key), colour=colour))

    def show(self, key: int, *, visible: bool) -> None:
        """Show or hide an object's matte and shapes."""
        self._board.put_object(replace(self.state.find(key), visible=visible))
        self.look()

    def remove(self, key: int) -> None:
        """Delete an object; undo brings it back with all it had."""
        thing = self.state.find(key)
        self._step("deleting", replace(thing, removed=True))
        following = next((each.key for each in self.state.shown), 0)
        self._board.change(current=following if self.state.current == key else self.state.current)

    # Pointing

    def click(self, x: float, y: float, *, foreground: bool = True) -> None:
        """Point at the object, or with `foreground` False at what is not the object."""
        thing = self._pointed(x, y)
        if thing is not None:
            prompt = self._prompt(thing)
            points = (*prompt.points, PointPrompt(x, y, foreground))
            self._point(thing, replace(prompt, points=points), "click" if foreground else "alt-click")

    def box(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Put a box round the object in place of the one before; two opposite corners in any order."""
        thing = self._pointed(x0, y0, anywhere=True)
        if thing is None:
            return
        left, right, top, bottom = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
        if right - left >= 1 and bottom - top >= 1:
            self._point(thing, replace(self._prompt(thing), box=BoxPrompt(left, top, right, bottom)), "box")

    def brush(self, places: Sequence[Place], radius_px: float, *, add: bool = True) -> None:
        """Paint the object along a line, or wipe it; what it has on the frame by now is painted on."""
        plate = self.state.plate
        thing = self._pointed(*places[0], anywhere=True) if places else None
        if thing is None or plate is None:
            return
        prompt, matte = self._prompt(thing), self.matte(thing.key, self.state.frame)
        under = prompt.mask.coverage if prompt.mask and not prompt.points else matte.coverage8() if matte else b""
        canvas = Canvas(plate.width, plate.height, under)
        canvas.stroke(thinned(places, radius_px), radius_px, add=add)
        if canvas.is_empty:
            self._board.say("The brush wiped all of it: paint the object, or clear the frame.")
            return
        self._point(thing, Prompt(prompt.frame, mask=canvas.mask()), "brush" if add else "wiping")

    def point_in_host(self) -> None:
        """Point at what the artist points at in the host's own viewer, on the frame that the host shows."""
        self.follow_host()
        given = self._handover.given
        try:
            prompt = self.host.prompt(given, self.state.frame) if given is not None else None
        except HostError as error:
            self._board.say_error(error)
            return
        if given is not None and prompt is None:
            self._board.say(f"Nothing is pointed at in {self.host.name}: switch a point or the box on.", is_error=True)
            return
        thing = self._pointed(0.0, 0.0, anywhere=True)
        if thing is not None and prompt is not None:
            self._point(thing, prompt, "pointing")

    def clear(self) -> None:
        """Take back all that was pointed at for the object on the current frame."""
        thing = self.state.selected
        if thing is not None and self.state.frame in thing.prompts:
            self._point(thing, Prompt(self.state.frame), "clearing")

    # Following, fitting, writing

    def track(self, way: Way = Way.BOTH) -> None:
        """Follow the object from the current frame to the ends of the plate."""
        thing, plate = self.state.selected, self.state.plate
        if thing is None or plate is None or not thing.prompts:
            self._board.say("Point at the object on some frame first: there is nothing to follow yet.", is_error=True)
            return
        known = {*thing.prompts, *self.state.found_of(thing.key).confidence}
        runs = runs_from(self.state.frame, known, plate.frames, way)

        following = Following(self._board, self._views, thing.key, runs)

        def work(running: Running) -> None:
            following.run(self._line.require_shot(), thing.born, running)

        self._put(Order(work, title=f"Tracking {thing.name}", owner=thing.key, goes_on=True))

    def fit(self) -> None:
        """Turn the object's mattes into shapes, as `fit_options` say."""
        thing = self.state.selected
        if thing is not None:
            self._handover.fit([thing], self.fit_options)

    def write(self) -> None:
        """Put the shapes of all objects into a roto node of the host, fitted first where they are not up to date."""
        self._handover.write(self.fit_options)

    def refine(self) -> None:
        """Take the artist's edits from the host, follow the object anew from the current frame, fit and write again."""
        thing = self.state.selected
        if thing is not None:
            self._handover.refine(thing, self.fit_options)

    def lock(self, frame: Optional[int] = None) -> None:
        """Lock the object's keyframe on a frame, or unlock it; where there is none one is made and locked."""
        thing, frame = self.state.selected, self.state.frame if frame is None else frame
        if thing is None or not any(frame in shape.lifetime for shape in thing.shapes):
            self._board.say("There is no shape to lock on this frame: fit the object first.", is_error=True)
            return
        if self._worker.is_busy_with(thing.key):
            self._board.say(f"Wait until '{thing.name}' is done, then lock its keyframe.", is_error=True)
            return
        locked = thing.locked ^ {frame}
        shapes = with_locks((with_keyframe(shape, frame) for shape in thing.shapes), locked)
        what = "locking" if frame in locked else "unlocking"
        self._step(f"{what} frame {frame}", replace(thing, shapes=shapes), of="of")

    def stop(self) -> None:
        """Stop what is under way; frames done stay."""
        if self._worker.stop() and self.state.work is not None:
            self._board.change(work=replace(self.state.work, stopping=True))

    # Taking back

    def undo(self) -> None:
        """Take back the last step."""
        step = self._board.history.undo()
        if step is not None:
            self._become(step.before)
            self._board.say(f"Undone: {step.what}.")

    def redo(self) -> None:
        """Do again what was undone last."""
        step = self._board.history.redo()
        if step is not None:
            self._become(step.after)
            self._board.say(f"Done again: {step.what}.")

    # Inside, on the main thread

    def _put(self, order: Order) -> None:
        try:
            self._worker.put(order)
        except BusyError as error:
            order.refused()
            self._board.say_error(error)

    def _prompt(self, thing: DeskObject) -> Prompt:
        return thing.prompts.get(self.state.frame, Prompt(self.state.frame))

    def _pointed(self, x: float, y: float, *, anywhere: bool = False) -> Optional[DeskObject]:
        """Return the object that a gesture on the plate belongs to, a new one when there is none."""
        plate = self.state.plate
        if plate is None:
            self._board.say("Open a plate first: select its node, then press Open.", is_error=True)
            return None
        if not anywhere and not (0 <= x < plate.width and 0 <= y < plate.height):
            return None
        if self.state.selected is None:
            self.add_object()
        return self.state.selected

    def _step(self, what: str, after: DeskObject, of: str = "") -> None:
        before = self.state.find(after.key)
        what = f"{what} {of} {before.name}" if of else f"{what} {before.name}"
        self._board.step(what, before, after)
        self._send_difference(before, after)
        self._write_note()

    def _point(self, thing: DeskObject, prompt: Prompt, what: str) -> None:
        self._worker.stop(thing.key)
        self._step(f"{what} on", with_prompt(thing, prompt.frame, prompt))

    def _become(self, thing: DeskObject) -> None:
        """Let an object be as a step has it, here and at the daemon."""
        self._worker.stop(thing.key)
        before = self.state.find(thing.key)
        pointed = before.prompts != thing.prompts
        self._board.put_object(replace(thing, stale=pointed or thing.stale or before.stale))
        if self.state.current not in {each.key for each in self.state.shown}:
            self._board.change(current=thing.key if not thing.removed else next((e.key for e in self.state.shown), 0))
        self._board.show_history()
        self._send_difference(before, thing)
        self._write_note()

    def _send_difference(self, before: DeskObject, after: DeskObject) -> None:
        for frame in sorted({*before.prompts, *after.prompts}):
            prompt = after.prompts.get(frame, Prompt(frame))
            if before.prompts.get(frame) is not after.prompts.get(frame):
                self._send_prompt(after.key, prompt)
        shapes = () if after.removed else after.shapes
        if (() if before.removed else before.shapes) != shapes:
            self._send_shapes(after.key, shapes)
        self.look()

    def _send_prompt(self, key: int, prompt: Prompt) -> None:
        name = self.state.find(key).born

        def work(running: Running) -> None:
            matte = self._line.require_shot().point(key, name, prompt, running)
            self._board.later(lambda: self._took_prompt(key, prompt, matte))

        mark = ("prompt", key, prompt.frame)
        self._put(Order(work, owner=key, instead_of=mark, refused=lambda: self._refused_prompt(key, prompt.frame)))

    def _send_shapes(self, key: int, shapes: Iterable[Shape]) -> None:
        name, shapes = self.state.find(key).born, tuple(shapes)
        self._put(
            Order(
                lambda _: self._line.require_shot().set_shapes(key, name, shapes),
                owner=key,
                instead_of=("shapes", key),
            )
        )

    def _send(self, shot: Shot, frame: int) -> None:
        def work(running: Running) -> None:
            shot.send([frame], running)
            self._board.later(self.look)

        self._put(Order(work, instead_of="look"))

    def _took_prompt(self, key: int, prompt: Prompt, matte: Optional[Matte]) -> None:
        self._accepted[key, prompt.frame] = prompt
        if matte is None or (prompt.is_empty and not matte.samples):
            self._views.drop_matte(key, prompt.frame)
            self._board.take_found(key, prompt.frame)
        else:
            self._views.keep(key, matte)
            self._board.put_found(key, {prompt.frame: matte.confidence})

    def _refused_prompt(self, key: int, frame: int) -> None:
        accepted = self._accepted.get((key, frame), Prompt(frame))
        self._board.put_object(with_prompt(self.state.find(key), frame, accepted))
        self._board.history.drop_last(key)
        self._board.show_history()

    def _opened(self, shot: Shot, given: HostPlate, note: Note) -> None:
        self._views.clear()
        self._accepted.clear()
        self._board.history.clear()
        objects, found = found_again(shot, note)
        noted = {each.key: note.of(each.born) for each in objects}
        self._handover.opened(given, {key: each.group for key, each in noted.items() if each and each.group})
        self._accepted.update({(each.key, frame): prompt for each in objects for frame, prompt in each.prompts.items()})
        frames = shot.plate.frames
        shown = [each.key for each in objects if not each.removed]
        self._board.change(
            plate=shot.plate,
            engine=shot.engine,
            sent=shot.sent,
            frame=min(max(self.host.current_frame(), frames.first), frames.last),
            objects=objects,
            found=found,
            current=shown[0] if shown else 0,
            node=note.node,
        )
        self._board.say(shot.sent or _opened_words(shot, note))
        if shot.sent:
            self.host.message(shot.sent)
        self._board.show_history()
        self._write_note()
        self.look()

    def _changed_engine(self, engine: str, mattes: dict[tuple[int, int], Matte]) -> None:
        show_restored(self._board, self._views, mattes)
        self._board.change(engine=engine, said=f"{engine} works now; track again.", is_error=False)
        self._write_note()

    def _write_note(self) -> None:
        shot = self._line.shot
        if shot is not None:
            self._handover.write_note(shot.session_id)

    def _not_connected(self) -> None:
        if self.state.link is Link.CONNECTING:
            self._board.change(link=self._line.link)

    # Inside, on the worker's thread

    def _show_work(self, work: object, waiting: int) -> None:
        self._board.later(lambda: self._board.show_work(work, waiting))  # type: ignore[arg-type] # as Worker gives it

    def _failed(self, error: Exception, order: Optional[Order]) -> None:
        """Tell the artist what failed; a daemon that is gone is waited for, and refuses nothing."""
        connects = order is not None and order.instead_of == _CONNECT
        met = self._line.link is not Link.NONE and not connects
        if met and (isinstance(error, DaemonUnreachableError) or not self._line.is_well()):
            self._line.lose()
            if order is not None and order.goes_on:
                self._broken_off.append(order)
            return
        if order is not None:
            self._board.later(order.refused)
        told = self._caught_up() if isinstance(error, ChangedElsewhereError) else error
        self._board.later(lambda: self._board.say_error(told))

    def _caught_up(self) -> ClientError:
        """Take in what another desk changed, so that the artist may decide to go over it; return what to say of it."""
        try:
            self._line.require_shot().refresh()
        except ClientError as error:
            return error
        return ChangedElsewhereError(
            "Another desk changed this object meanwhile, and nothing was overwritten: do it once more to put yours in "
            "its place."
        )

    def _return(self, running: Running) -> None:
        if self._line.reconnect(running, self._views):
            orders, self._broken_off = self._broken_off, []
            for order in orders if self._line.had_session else ():
                self._worker.put(order)
            self._board.later(self.look)

    def _look_after(self) -> None:
        """Look after the daemon while there is nothing to do."""
        if self._line.is_lost:
            self._return(Running(Order(lambda _: None), lambda _: None))
        elif self.state.link is Link.CONNECTED and not self._line.is_well():
            self._line.lose()


def _opened_words(shot: Shot, note: Note) -> str:
    plate = shot.plate
    words = f"{plate.name or shot.key}: {plate.width}x{plate.height}, {plate.frames}."
    if note.session_id == shot.session_id:
        return f"{words} The work of before is here again."
    gone = " The work of before is gone from the daemon, which keeps it for a while only." if note.session_id else ""
    return words + gone
