"""What goes to a daemon and comes back from it, as plain values; standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Optional, Union

from roto_shapes import coverage
from roto_shapes.fit_options import FitOptions
from roto_shapes.prompt import BoxPrompt, Prompt
from roto_shapes.shape import Roto, Shape
from roto_shapes.shot import FrameRange, Plate

Buffer = Union[bytes, bytearray, memoryview]


class Direction(Enum):
    """Which way an object is followed."""

    FORWARD = "forward"
    BACKWARD = "backward"


class ExportFormat(Enum):
    """A kind of file that a daemon makes."""

    JSON = "json"
    NUKE = "nuke"
    MATTE_EXR = "matte-exr"
    MATTE_PNG = "matte-png"
    PREVIEW_MP4 = "preview-mp4"
    CONTACT_SHEET_PNG = "contact-sheet-png"
    REPORT_HTML = "report-html"
    REPORT_JSON = "report-json"
    MATTE_TIFF = "matte-tiff"
    LAYERS_EXR = "layers-exr"
    CRYPTOMATTE_EXR = "cryptomatte-exr"
    PREVIEW_MOV = "preview-mov"
    FOREGROUND_EXR = "foreground-exr"


class MatteKind(Enum):
    """How the mattes of several objects lie in files."""

    MATTE = "matte"
    """One channel a file: of all objects together, or of each where the pattern says `{object}`."""
    LAYERS = "layers"
    """One EXR a frame with a layer an object."""
    CRYPTOMATTE = "cryptomatte"
    """One Cryptomatte EXR a frame."""
    FOREGROUND = "foreground"
    """One EXR a frame of light multiplied by the matte, with the matte as alpha."""


class SampleType(Enum):
    """The type of one sample of a pixel, little-endian, with its size in bytes."""

    U8 = ("u8", 1)
    U16 = ("u16", 2)
    F16 = ("f16", 2)
    F32 = ("f32", 4)

    @property
    def size_bytes(self) -> int:
        """Return how many bytes a sample has."""
        return self.value[1]


@dataclass(frozen=True)
class FoundObject:
    """Something that words may mean on a frame."""

    box: BoxPrompt
    score: float
    """0 to 1: how sure the finder is."""
    words: str
    """The words that it stands for."""


@dataclass(frozen=True)
class Limits:
    """The bounds within which a daemon accepts calls."""

    message_bytes: int
    chunk_bytes: int
    frame_pixels: int
    sessions: int
    objects: int


@dataclass(frozen=True)
class DaemonInfo:
    """Who a daemon is. Another `daemon_id` than before means that it was restarted."""

    version: str
    api: tuple[int, int]
    daemon_id: str
    limits: Limits
    features: frozenset[str]


@dataclass(frozen=True)
class EngineInfo:
    """What an engine can do. `unavailable` says why it cannot be used now; empty when it can."""

    name: str
    title: str
    prompts: frozenset[str]
    needs_weights: bool
    unavailable: str
    is_default: bool
    weights: str = ""
    """Which weights it works with: file, begin of its SHA-256, licence."""
    why_default: str = ""
    """Of the default: which engines before it cannot be used here; empty when it is the first choice."""


@dataclass(frozen=True)
class OpenedSession:
    """A session as the daemon started it."""

    session_id: str
    engine: str
    weights: str = ""
    """Which weights the engine works with."""
    why_default: str = ""
    """Where the choice of the engine was left to the daemon: which ones before it cannot be used here."""


@dataclass(frozen=True)
class OpenedPlate:
    """A plate as the daemon found it."""

    plate_id: str
    plate: Plate
    colour_source: str = ""
    """Why the plate's colour space was taken, in words."""
    ocio_config: str = ""
    """The OCIO configuration that names it."""


@dataclass(frozen=True)
class SessionSummary:
    """A session that a daemon keeps."""

    session_id: str
    name: str
    """What a person calls it."""
    artist: str
    """Who opened it."""
    plate: str
    engine: str
    objects: tuple[str, ...]
    touched_s: float
    """When it was used last, in seconds since 1970."""


class AddedObject(NamedTuple):
    """An object as the daemon knows it; `existed` when it was there before."""

    object_id: int
    revision: int
    existed: bool


@dataclass(frozen=True)
class ObjectRevisions:
    """When an object changed last: its prompts or shapes, and its mattes."""

    revision: int
    mattes_revision: int


@dataclass(frozen=True)
class SessionRevisions:
    """The revision of a session and of each of its objects, by id."""

    revision: int
    objects: dict[int, ObjectRevisions]


@dataclass(frozen=True)
class PixelFrame:
    """A frame's pixels as they stand in memory: any contiguous buffer, rows from the top, samples side by side.

    `channels` is 1 (grey), 3 (red, green, blue) or 4 (with alpha). An empty colour space is sRGB for integers and
    scene-linear for floats.
    """

    frame: int
    pixels: Buffer
    width: int
    height: int
    channels: int
    sample: SampleType
    colour_space: str = ""

    def __post_init__(self) -> None:
        """Refuse a buffer that is not the picture."""
        expected = self.width * self.height * self.channels * self.sample.size_bytes
        if self.content.nbytes != expected:
            shape = f"{self.width}x{self.height} pixels of {self.channels} {self.sample.value[0]} samples"
            raise ValueError(f"Frame {self.frame} has {self.content.nbytes} bytes; {shape} need {expected}.")

    @property
    def content(self) -> memoryview:
        """Return the bytes to send, without a copy."""
        return memoryview(self.pixels)


@dataclass(frozen=True)
class FileFrame:
    """A frame as an image file; the ending of `name` tells the format."""

    frame: int
    name: str
    data: Buffer

    @property
    def content(self) -> memoryview:
        """Return the bytes to send, without a copy."""
        return memoryview(self.data)


UploadFrame = Union[PixelFrame, FileFrame]


@dataclass(frozen=True)
class Progress:
    """How far a long call has come; `stage` is for a person."""

    done: int
    total: int
    stage: str


@dataclass(frozen=True)
class FrameDone:
    """An object on a frame: `confidence` 0 to 1, `area_px` the sum of coverage."""

    frame: int
    confidence: float
    area_px: float


@dataclass(frozen=True)
class FrameUnreadable:
    """A frame of the plate that is missing or damaged, passed over without a matte; `reason` is a sentence."""

    frame: int
    reason: str


@dataclass(frozen=True)
class Matte:
    """An object's matte on a frame.

    `samples` holds the part inside `box` (left, top, right, bottom; right and bottom outside), rows from the top,
    `bits` (8 or 16, little-endian) a sample, the largest number for full coverage. Outside the box coverage is 0.
    """

    frame: int
    object_id: int
    width: int
    height: int
    box: coverage.Box
    bits: int
    samples: bytes
    confidence: float

    def coverage8(self) -> bytes:
        """Return the whole matte, one byte a pixel, 255 for full coverage; 16 bit become 8 within one level."""
        part = self.samples if self.bits == 8 else coverage.high_bytes(self.samples)  # noqa: PLR2004 - bits
        return coverage.place(part, self.width, self.height, self.box)


class Prompted(NamedTuple):
    """What a prompt came to: the matte, None where nothing is known; and the session's revision since, 0 if unknown."""

    matte: Optional[Matte]
    revision: int


@dataclass(frozen=True)
class AttachedObject:
    """An object of a session as the daemon keeps it."""

    object_id: int
    name: str
    prompts: tuple[Prompt, ...]
    mattes: tuple[FrameDone, ...]
    """The frames that have a matte, rising."""
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class AttachedSession:
    """A session as the daemon keeps it."""

    opened: OpenedSession
    name: str
    artist: str
    plate: OpenedPlate
    revision: int
    objects: tuple[AttachedObject, ...]


@dataclass(frozen=True)
class StepTurned:
    """What an undo or redo left behind: what is pointed at on a frame now, or the shapes that an object has now."""

    object_id: int
    prompt: Optional[Prompt]
    shapes: Optional[tuple[Shape, ...]]
    revision: int


class SessionShapes(NamedTuple):
    """The shapes of a session and its revision."""

    roto: Roto
    revision: int


@dataclass(frozen=True)
class FrameError:
    """How far shapes lie from the matte's edge on a frame, in plate pixels."""

    frame: int
    mean_px: float
    p95_px: float
    max_px: float


@dataclass(frozen=True)
class LookFirst:
    """A frame that needs a look first, with the reasons in words, the gravest first."""

    frame: int
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class FitReport:
    """What a fit came to."""

    frames: tuple[FrameError, ...]
    tolerance_px: float
    """What was asked for."""
    effective_tolerance_px: float
    """The bound that holds: larger than what was asked for when the mattes do not allow it."""
    shapes: int
    control_points: int
    keyframes: int
    """Of shapes; `layer_keyframes` stand above them."""
    layer_keyframes: int
    baked_keyframes: int
    """Of the same shapes without layers."""
    control_numbers: int
    """Numbers that an artist has to look after: those of points and layers at their keyframes."""
    baked_control_numbers: int
    """The same without layers."""
    doubtful_frames: tuple[int, ...]
    """Frames on which the mattes were drawn through: an outline was missing, in pieces, or bitten."""
    look_first: tuple[LookFirst, ...]
    """The gravest first."""
    elapsed_s: float
    revision: int = 0
    """The session's since the shapes were replaced; 0 if unknown."""

    @property
    def worst(self) -> Optional[FrameError]:
        """Return the frame with the largest distance; None when no frame was measured."""
        return max(self.frames, key=lambda each: each.max_px, default=None)

    @property
    def mean_px(self) -> float:
        """Return the mean distance over all measured frames; 0 when there is none."""
        return sum(each.mean_px for each in self.frames) / max(len(self.frames), 1)


class Fitted(NamedTuple):
    """The shapes of an object in paint order, and how well they fit."""

    shapes: tuple[Shape, ...]
    report: FitReport


@dataclass(frozen=True)
class FitOrder:
    """How mattes become shapes; no frames mean all that have a matte, and no options the daemon's own."""

    frames: Optional[FrameRange] = None
    options: Optional[FitOptions] = None
    edited: tuple[int, ...] = ()
    """Frames of keyframes that the artist edited: they stay, as locked ones do."""
    in_front: tuple[int, ...] = ()
    """Objects of the session that stand in front of this one."""
    based_on: int = 0
    """The revision at which the object's shapes were seen last; 0 to replace whatever there is."""


@dataclass(frozen=True)
class Matting:
    """How mattes get the soft edges, hair and blur that the plate shows."""

    by: str = ""
    """`guided`, `closed-form` or `vitmatte`; empty for guided."""
    band_px: float = 0.0
    """How far to either side of the edge coverage is unknown; 0 for as far as the mattes are soft."""


@dataclass(frozen=True)
class ExportOrder:
    """Files to make; object 0 means all objects, and no frames mean all that have a matte."""

    format: ExportFormat
    object_id: int = 0
    frames: Optional[FrameRange] = None
    credit: str = ""
    bits: int = 0
    """A sample of mattes: 8, 16 or 32, as far as the format has them; 0 for 16."""
    compression: str = ""
    """Of EXR mattes: `zip` or `dwaa`; empty for zip."""
    matting: Optional[Matting] = None
    """None for mattes as the engine made them."""


@dataclass(frozen=True)
class MatteOrder:
    """Mattes to write, see `ExportOrder`; no frames mean all that have a matte."""

    kind: MatteKind = MatteKind.MATTE
    frames: Optional[FrameRange] = None
    bits: int = 0
    compression: str = ""
    matting: Optional[Matting] = None


@dataclass(frozen=True)
class FilePart:
    """A piece of a file; `frame` where there is one file a frame, `last` when the file is complete with it."""

    frame: Optional[int]
    data: bytes
    last: bool


TrackEvent = Union[Progress, FrameDone, FrameUnreadable, Matte]
FitEvent = Union[Progress, Fitted]
ExportEvent = Union[Progress, FilePart]
