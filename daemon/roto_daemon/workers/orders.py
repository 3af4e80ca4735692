"""What the daemon tells a worker: whole descriptions, so that a fresh worker needs nothing else to go on.

A session's order holds every prompt that was set. A worker that already has the session applies what is new; one
that was just started applies all and takes the mattes made before from the session's folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roto_shapes.fit_options import FitOptions
from roto_shapes.prompt import BoxPrompt, MaskPrompt, PointPrompt, Prompt
from roto_shapes.shape import ControlPoint, Interpolation
from roto_shapes.shot import FrameRange, Plate, PlatePath

Packed = dict[str, Any]


@dataclass(frozen=True)
class PlateOrder(PlatePath):
    """Where a plate's frames come from: a path as the user gave it, or a folder of uploaded frames."""

    uploaded: Plate | None = None
    """The facts of an uploaded plate, whose `path` is the folder of its frames."""
    frame_limit_pixels: int = 1 << 28
    roots: tuple[str, ...] = ()
    """Folders that files may be read from; empty for all."""
    cache_folder: str = ""
    """Where decoded frames are shared between processes; empty for nowhere."""
    cache_limit_bytes: int = 0

    def pack(self) -> Packed:
        """Return it as plain data."""
        return {
            **vars(self),
            "frames": _pack_range(self.frames),
            "uploaded": pack_plate(self.uploaded) if self.uploaded else None,
        }

    @classmethod
    def unpack(cls, packed: Packed) -> PlateOrder:
        """Return it from plain data."""
        uploaded = packed["uploaded"]
        facts = {
            **packed,
            "frames": _unpack_range(packed["frames"]),
            "uploaded": unpack_plate(uploaded) if uploaded else None,
            "roots": tuple(packed["roots"]),
        }
        return cls(**facts)


@dataclass(frozen=True)
class ObjectOrder:
    """An object and all that is pointed at for it."""

    object_id: int
    name: str
    prompts: tuple[Prompt, ...] = ()


@dataclass(frozen=True)
class SessionOrder:
    """A session as a worker needs it. `folder` holds its mattes and painted masks."""

    session_id: str
    folder: Path
    plate: PlateOrder
    engine: str
    objects: tuple[ObjectOrder, ...] = ()
    native_edges: bool = False
    """Whether edges are found again at the plate's size where the engine's masks are smaller."""

    def pack(self) -> Packed:
        """Return it as plain data; painted masks go by a file in the folder."""
        return {
            "session_id": self.session_id,
            "folder": str(self.folder),
            "plate": self.plate.pack(),
            "engine": self.engine,
            "native_edges": self.native_edges,
            "objects": [
                {"id": each.object_id, "name": each.name, "prompts": [self._pack_prompt(p, each) for p in each.prompts]}
                for each in self.objects
            ],
        }

    @classmethod
    def unpack(cls, packed: Packed) -> SessionOrder:
        """Return it from plain data."""
        objects = tuple(
            ObjectOrder(each["id"], each["name"], tuple(map(_unpack_prompt, each["prompts"])))
            for each in packed["objects"]
        )
        plate = PlateOrder.unpack(packed["plate"])
        return cls(
            packed["session_id"], Path(packed["folder"]), plate, packed["engine"], objects, packed["native_edges"]
        )

    def mask_file(self, object_id: int, frame: int) -> Path:
        """Return where the painted mask of a prompt lies."""
        return self.folder / f"mask-{object_id}-{frame}"

    def _pack_prompt(self, prompt: Prompt, owner: ObjectOrder) -> Packed:
        mask = prompt.mask
        return {
            "frame": prompt.frame,
            "points": [[point.x, point.y, point.foreground] for point in prompt.points],
            "box": [prompt.box.x0, prompt.box.y0, prompt.box.x1, prompt.box.y1] if prompt.box else None,
            "mask": [mask.width, mask.height, str(self.mask_file(owner.object_id, prompt.frame))] if mask else None,
            "outline": [list(point) for point in prompt.outline],
        }


@dataclass(frozen=True)
class MattingOrder:
    """How mattes get their edges."""

    by: str = ""
    """A name of `matting.MATTERS`, empty for the default."""
    band_px: float = 0.0
    """How far to either side of the edge coverage is unknown; 0 for as far as the mattes are soft."""

    def pack(self) -> Packed:
        """Return it as plain data."""
        return dict(vars(self))


def pack_plate(plate: Plate) -> Packed:
    """Return a plate's facts as plain data."""
    facts = dict(vars(plate))
    facts["frames"] = _pack_range(plate.frames)
    return facts


def unpack_plate(packed: Packed) -> Plate:
    """Return a plate's facts from plain data."""
    first, last = packed["frames"]
    return Plate(**{**packed, "frames": FrameRange(first, last)})


def pack_options(options: FitOptions) -> Packed:
    """Return what is asked of a fit as plain data."""
    return {
        **vars(options),
        "interpolation": options.interpolation.value,
        "keyframes_at": list(options.keyframes_at),
    }


def unpack_options(packed: Packed) -> FitOptions:
    """Return what is asked of a fit from plain data."""
    told = {"interpolation": Interpolation(packed["interpolation"]), "keyframes_at": tuple(packed["keyframes_at"])}
    return FitOptions(**{**packed, **told})


def _pack_range(frames: FrameRange | None) -> list[int] | None:
    return [frames.first, frames.last] if frames else None


def _unpack_range(packed: list[int] | None) -> FrameRange | None:
    return FrameRange(*packed) if packed else None


def _unpack_prompt(packed: Packed) -> Prompt:
    return Prompt(
        packed["frame"],
        tuple(PointPrompt(x, y, foreground) for x, y, foreground in packed["points"]),
        BoxPrompt(*packed["box"]) if packed["box"] else None,
        _unpack_mask(*packed["mask"]) if packed["mask"] else None,
        tuple(ControlPoint(*numbers) for numbers in packed["outline"]),
    )


def _unpack_mask(width: int, height: int, file: str) -> MaskPrompt:
    return MaskPrompt(width, height, Path(file).read_bytes())
