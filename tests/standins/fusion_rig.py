"""Fusion for the suite of hosts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from fusion_program import Comp, FaultError, Held, checksum, flat, pixels_of, share_of
from host_rig import GivenPlate, Place
from outlines import painted

from roto_client.host import Host
from roto_fusion.host import FusionHost


@final
class FusionRig:
    """A composition, and what an artist does to it."""

    def __init__(self) -> None:
        self.comp = Comp()
        self.messages: list[str] = []
        self._fusion = FusionHost(self.comp, "19", self.messages.append)
        self.host: Host = self._fusion

    def select(self, given: GivenPlate) -> None:
        plate = given.plate
        frames = plate.frames
        rate = plate.frame_rate
        comp = self.comp
        comp.format = {"Width": plate.width, "Height": plate.height, "AspectX": plate.pixel_aspect, "AspectY": 1.0}
        comp.format["Rate"] = rate
        comp.frames = (frames.first, frames.last)
        comp.time = float(frames.first)
        name = comp.add("Loader" if given.path else "Background")
        comp.held[name].size = (plate.width, plate.height)
        if given.path:
            first = given.path.replace("####", f"{frames.first - given.offset:04d}")
            comp.held[name].attributes = {
                "TOOLST_Clip_Name": {1: first},
                "TOOLIT_Clip_Length": {1: len(frames)},
                "TOOLIT_Clip_TrimIn": {1: 0},
                "TOOLNT_Clip_Start": {1: float(frames.first)},
            }
        comp.selected = [name]

    def select_nothing(self) -> None:
        self.comp.selected = []

    def undo(self) -> None:
        self.comp.Undo()

    @property
    def undo_steps(self) -> int:
        self.comp.require_balanced()
        return len(self.comp.ledger)

    def add_own_shape(self, node: str, name: str, places: Sequence[Place]) -> None:
        rows = [self._row(place) for place in places]
        line = ("Polyline", {"Closed": True, "Points": ("", {at: ("", row) for at, row in enumerate(rows, 1)})})
        width, height = self._size
        below = self._top(node)
        self.comp.add("PolylineMask", name, Polyline=line, Level=1, MaskWidth=width, MaskHeight=height)
        self.comp.held[name].inputs["EffectMask"] = ("wire", below, "Mask")

    def shape_names(self, node: str) -> list[str]:
        return [self._shape_name(name) for name in self.comp.chain(self._top(node))]

    def points(self, node: str, name: str, frame: float) -> list[Place]:
        rows = self.comp.outline(self._mask(node, name), frame)
        return [pixels_of(self._size, (row["X"], row["Y"])) for row in rows]

    def is_drawn(self, node: str, name: str, frame: int) -> bool:
        return self.comp.level(self._mask(node, name), frame) > 0

    def covers(self, node: str, frame: int, place: Place) -> bool:
        return self.comp.covers(self._top(node), frame, share_of(self._size, place))

    def drawn(self, node: str, frame: int) -> Any:  # noqa: ANN401 - an array, where there is numpy
        chain = [name for name in self.comp.chain(self._top(node)) if self.comp.level(name, frame) > 0]
        return painted(
            self._size,
            (
                ([pixels_of(self._size, place) for place in flat(self.comp.outline(name, frame))], self.comp.adds(name))
                for name in chain
            ),
        )

    def move_point(self, node: str, name: str, frame: int, index: int, by: Place) -> None:
        mask = self._mask(node, name)
        self.comp.StartUndo("Move")
        width, height = self._size
        _, line = outline = self.comp.value(mask, "Polyline", frame)
        spline = self.comp.held[self.comp.held[mask].inputs["Polyline"][1]]
        rows = {at: ("", dict(row)) for at, (_, row) in line["Points"][1].items()}
        rows[index + 1][1]["X"] += by[0] / width
        rows[index + 1][1]["Y"] -= by[1] / height
        spline.keys[float(frame)] = ((outline[0], {**line, "Points": ("", rows)}), False)
        self.comp.EndUndo(True)  # noqa: FBT003 - by its place, as Fusion takes it

    def delete(self, node: str) -> None:
        for name in self.comp.chain(self._top(node)):
            self.comp.delete(name)

    def fail_after(self, changes: int) -> None:
        self.comp.refuse_after = changes

    def script(self) -> object:
        self.comp.require_balanced()
        return checksum(self.comp)

    def run_waiting(self) -> None:
        self._fusion.run_waiting()

    @property
    def _size(self) -> tuple[int, int]:
        return int(self.comp.format["Width"]), int(self.comp.format["Height"])

    def _row(self, place: Place) -> dict[str, Any]:
        x, y = share_of(self._size, place)
        return {"X": x, "Y": y, "LX": 0.0, "LY": 0.0, "RX": 0.0, "RY": 0.0}

    def _ours(self, node: str) -> list[str]:
        return [name for name, held in self.comp.held.items() if _own(held).get("Node") == node]

    def _top(self, node: str) -> str:
        """Return the mask into which all others of a chain paint, the artist's too."""
        (name, *_) = self._ours(node)
        while True:
            above = [
                other
                for other, held in self.comp.held.items()
                if held.kind == "PolylineMask" and held.inputs.get("EffectMask") == ("wire", name, "Mask")
            ]
            if len(above) > 1:
                raise FaultError(f"two masks paint over '{name}': {above}")
            if not above:
                return name
            (name,) = above

    def _mask(self, node: str, name: str) -> str:
        return next(each for each in self.comp.chain(self._top(node)) if self._shape_name(each) == name)

    def _shape_name(self, mask: str) -> str:
        return str(_own(self.comp.held[mask]).get("Name", mask))


def _own(held: Held) -> dict[str, Any]:
    found = held.data.get("Rotolink", {})
    return found if isinstance(found, dict) else {}
