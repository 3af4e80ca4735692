"""Shapes on their way into the host's roto node, and the artist's edits on their way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Callable, Optional

from roto_client.desk.board import Board
from roto_client.desk.edits import as_prompt, edited_frames, range_round, renamed, with_locks
from roto_client.desk.following import Following
from roto_client.desk.line import Line
from roto_client.desk.note import Note, NotedObject
from roto_client.desk.shot import Shot
from roto_client.desk.state import DeskObject
from roto_client.desk.views import Views
from roto_client.desk.worker import Order, Running
from roto_client.errors import ClientError, HostError
from roto_client.host import HostPlate
from roto_client.results import Direction, Fitted, Matte
from roto_shapes.fit_options import FitOptions
from roto_shapes.layers import baked
from roto_shapes.prompt import Prompt
from roto_shapes.shape import Roto, Shape
from roto_shapes.shot import FrameRange, spans


class Handover:
    """Fits, writes and reads back. Its methods belong to the main thread, its work to the desk's own."""

    def __init__(self, board: Board, line: Line, views: Views, put: Callable[[Order], None]) -> None:
        self._board = board
        self._line = line
        self._views = views
        self._put = put
        self._given: Optional[HostPlate] = None
        self._note = ""
        self._written: dict[int, tuple[Shape, ...]] = {}
        """The shapes of each object as they were written last, and under which name."""
        self._groups: dict[int, str] = {}
        self._fitted_as: dict[int, FitOptions] = {}
        """What was asked of each object's shapes last."""

    @property
    def given(self) -> Optional[HostPlate]:
        """Return the plate that shapes belong to; None before one was opened."""
        return self._given

    def opened(self, given: HostPlate, groups: Mapping[int, str]) -> None:
        """Take note of the plate that shapes belong to from now on, and of what was written to which group before."""
        self._given, self._note = given, ""
        self._written.clear()
        self._fitted_as.clear()
        self._groups = dict(groups)

    def write_note(self, session_id: str) -> None:
        """Keep in the script where the work is, if that has changed."""
        state = self._board.state
        if self._given is None or not session_id:
            return
        objects = tuple(
            NotedObject(e.born, e.name, e.colour, e.visible, e.removed, self._groups.get(e.key, ""))
            for e in state.objects
        )
        text = Note(session_id, state.engine, state.node, objects).text()
        if text == self._note:
            return
        self._note = text
        try:
            self._board.host.write_note(self._given, text)
        except HostError as error:
            self._board.say_error(error)

    def fit(self, objects: Sequence[DeskObject], options: FitOptions, then: Callable[[], None] = lambda: None) -> None:
        """Turn the mattes of objects into shapes, one object after the other; then do this on the main thread."""
        options = self._for_host(options)
        for thing in objects:
            self._put(self._fitting(thing, options, then if thing is objects[-1] else lambda: None))

    def write(self, options: FitOptions) -> None:
        """Write the shapes of all objects, fitted first where they are older than their mattes."""
        state = self._board.state
        ready = [each for each in state.shown if each.shapes or each.prompts or state.found_of(each.key).confidence]
        if not ready:
            self._board.say("There is nothing to write yet: point at an object and track it first.", is_error=True)
            return
        asked = self._for_host(options)
        stale = [e for e in ready if e.stale or not e.shapes or self._fitted_as.get(e.key, asked) != asked]
        keys = [each.key for each in ready]
        if stale:
            self.fit(stale, options, then=lambda: self._write_now(keys))
        else:
            self._write_now(keys)

    def refine(self, thing: DeskObject, options: FitOptions) -> None:
        """Take the artist's edits of an object, follow it anew round the current frame, fit and write."""
        state = self._board.state
        group = self._groups.get(thing.key, thing.name)
        if not state.node or state.plate is None:
            self._board.say("Write the shapes to a node first: then its edits can be taken back.", is_error=True)
            return
        try:
            read = self._board.host.read_shapes(state.node, group).shapes
        except HostError as error:
            self._board.say_error(error)
            return
        if not read:
            self._board.say(f"'{state.node}' holds no shapes of '{group}': write them again.", is_error=True)
            return
        written = self._written.get(thing.key, renamed(thing.shapes, thing.born, group))
        edited = edited_frames(written, read)
        shapes = with_locks(read, thing.locked)
        work = _Refining(self._board, self._views, thing, shapes, edited)
        asked = self._for_host(options)

        def run(running: Running) -> None:
            fitted = work.run(self._line.require_shot(), asked, running)
            self._board.later(lambda: self._refined(thing.key, fitted, work, asked))

        self._put(Order(run, title=f"Refining {thing.name}", owner=thing.key))

    def _for_host(self, options: FitOptions) -> FitOptions:
        return replace(options, interpolation=self._board.host.abilities.interpolations[0])

    def _fitting(self, thing: DeskObject, options: FitOptions, then: Callable[[], None]) -> Order:
        def work(running: Running) -> None:
            fitted = self._line.require_shot().fit(thing.key, thing.born, options, (), running)
            self._board.later(lambda: self._fitted(thing.key, fitted, options, then))

        return Order(work, title=f"Fitting {thing.name}", owner=thing.key, instead_of=("fit", thing.key))

    def _fitted(self, key: int, fitted: Fitted, options: FitOptions, then: Callable[[], None]) -> None:
        self._fitted_as[key] = options
        self._took(key, fitted, "fitting", {})
        report = fitted.report
        bound = f"within {report.effective_tolerance_px:.2g} px"
        self._board.say(
            f"{report.shapes} shape{'s' * (report.shapes != 1)}, {report.control_points} points, "
            f"{report.keyframes} keyframes, {bound}."
        )
        then()

    def _took(self, key: int, fitted: Fitted, what: str, prompts: Mapping[int, Prompt]) -> None:
        before = self._board.state.find(key)
        after = replace(
            before,
            shapes=fitted.shapes,
            report=fitted.report,
            stale=False,
            prompts=MappingProxyType({**before.prompts, **prompts}),
        )
        self._board.step(f"{what} {before.name}", before, after)

    def _write_now(self, keys: Sequence[int]) -> None:
        """Write objects into the node of before, or a new one, in one undo step."""
        state, host = self._board.state, self._board.host
        if state.plate is None:
            return
        things = [each for each in state.shown if each.key in keys and each.shapes]
        names = ", ".join(each.name for each in things)
        node = state.node
        written: dict[int, tuple[Shape, ...]] = {}
        try:
            with host.undo_step(f"Rotolink: {names}"):
                for thing in things:
                    shapes = renamed(thing.shapes, thing.born, thing.name)
                    shapes = tuple(replace(shape, colour=thing.colour) for shape in shapes)
                    roto = Roto(state.plate, shapes)
                    roto = roto if host.abilities.layers else baked(roto)
                    self._take_old_name_away(thing, node, roto)
                    node = host.write_shapes(roto, thing.name, node)
                    written[thing.key] = roto.shapes
        except ClientError as error:
            self._forget_node_that_is_gone()
            self._board.say_error(error)
            return
        self._written.update(written)
        self._groups.update({thing.key: thing.name for thing in things})
        self._board.change(node=node)
        self._board.say(f"Written to {node}: {names}.")
        if self._line.shot is not None:
            self.write_note(self._line.shot.session_id)

    def _take_old_name_away(self, thing: DeskObject, node: str, roto: Roto) -> None:
        """Take away the shapes that an object had under its name of before."""
        old = self._groups.get(thing.key, thing.name)
        if node and old != thing.name:
            self._board.host.write_shapes(replace(roto, shapes=()), old, node)

    def _forget_node_that_is_gone(self) -> None:
        """Let the next writing make a new node where the artist deleted the one of before."""
        try:
            if self._board.state.node:
                self._board.host.read_shapes(self._board.state.node, "")
        except HostError:
            self._board.change(node="")

    def _refined(self, key: int, fitted: Fitted, work: _Refining, options: FitOptions) -> None:
        self._fitted_as[key] = options
        for matte in work.mattes:
            self._views.keep(key, matte)
            self._board.put_found(key, {matte.frame: matte.confidence})
        self._took(key, fitted, "refining", work.prompts)
        self._write_now([key])
        kept = f"kept your edits on {spans(sorted(work.edited))}" if work.edited else "nothing was edited by hand"
        self._board.say(f"Refined: {kept}. {self._board.state.said}")


class _Refining:
    """The work behind "Refine from here", on the worker's thread."""

    def __init__(
        self, board: Board, views: Views, thing: DeskObject, shapes: Sequence[Shape], edited: frozenset[int]
    ) -> None:
        self.edited = edited
        self.mattes: list[Matte] = []
        self.prompts: dict[int, Prompt] = {}
        self._board = board
        self._views = views
        self._thing = thing
        self._shapes = shapes
        self._state = board.state

    def run(self, shot: Shot, options: FitOptions, running: Running) -> Fitted:
        """State the object by the edited outlines, follow it between them, and fit round them."""
        key, born = self._thing.key, self._thing.born
        shot.set_shapes(key, born, self._shapes)
        for frame in sorted(self.edited):
            prompt = as_prompt(self._shapes, frame, shot.plate)
            if prompt is not None and frame in shot.plate.frames:
                self._point(shot, prompt, running)
        if self.edited:
            self._follow(shot, running)
        return shot.fit(key, born, options, self.edited, running)

    def _point(self, shot: Shot, prompt: Prompt, running: Running) -> None:
        matte = shot.point(self._thing.key, self._thing.born, prompt, running)
        self.prompts[prompt.frame] = prompt
        if matte is not None:
            self.mattes.append(matte)

    def _follow(self, shot: Shot, running: Running) -> None:
        """Follow the object from the current frame to the next one on either side that the artist approved."""
        here = self._state.frame
        kept = {*self.edited, *self._thing.locked, *self._thing.prompts}
        start = here if here in kept else min(kept, key=lambda frame: abs(frame - here))
        known = {start, *self._state.found_of(self._thing.key).confidence}
        round_it = range_round(start, kept - {start}, FrameRange(min(known), max(known)))
        runs = [
            (FrameRange(start, round_it.last), Direction.FORWARD),
            (FrameRange(round_it.first, start), Direction.BACKWARD),
        ]
        runs = [run for run in runs if len(run[0]) > 1]
        Following(self._board, self._views, self._thing.key, runs).run(shot, self._thing.born, running)
