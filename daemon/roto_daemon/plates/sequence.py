"""Which files are the frames of a plate: patterns, folders, one file of a sequence, movies.

A pattern stands in the file's name, never in its folder: `plate.####.exr` and `plate.@@@@.exr` (as many digits as
signs, or more), `plate.%04d.exr`, `plate.$F4.exr`, and `plate.#.exr`, `plate.%d.exr` or `plate.$F.exr` for any number
of digits. A file that exists under exactly the name given is that file, whatever signs it holds.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from roto_daemon.errors import FrameMissingError, PlateError
from roto_shapes.shot import FrameRange

IMAGE_ENDINGS = frozenset(
    ".exr .dpx .cin .tif .tiff .png .jpg .jpeg .jp2 .tga .bmp .hdr .webp .avif .heic .sgi .rgb .psd".split()  # noqa: SIM905 - a list to read
)
MOVIE_ENDINGS = frozenset(".mov .mp4 .m4v .mxf .mkv .avi .webm .mpg .mpeg .mts .m2ts .ts .wmv".split())  # noqa: SIM905 - a list to read

STILL_FRAME = 1
"""The frame of an image whose name holds no number; compositors count a still so."""

_PATTERN = re.compile(r"#+|@+|%(?:0?(?P<percent>\d+))?d|\$F(?P<dollar>\d*)")
_LAST_NUMBER = re.compile(r"^(?P<stem>.*?)(?P<number>(?:(?<![0-9A-Za-z])-)?\d+)(?P<rest>\D*)$")
_NAMED_AT_MOST = 5
"""Names or gaps that a sentence lists before it says `and more`."""


@dataclass(frozen=True)
class ImageSequence:
    """Images on a disk, by frame. `name` is the pattern as a person would write it."""

    name: str
    files: Mapping[int, Path]

    @property
    def frames(self) -> FrameRange:
        """Return the first and the last frame that exist."""
        return FrameRange(min(self.files), max(self.files))

    def missing(self, frames: Iterable[int]) -> list[int]:
        """Return those of the frames that have no file."""
        return [frame for frame in frames if frame not in self.files]

    def file(self, frame: int) -> Path:
        """Return the file of a frame; raises FrameMissingError."""
        try:
            return self.files[frame]
        except KeyError:
            raise FrameMissingError(
                f"Frame {frame} of {self.name} is not there: render or copy it, or leave it out of the range.", frame
            ) from None

    def require(self, frames: FrameRange) -> None:
        """Raise FrameMissingError, naming all that are missing, unless every frame has a file."""
        missing = self.missing(frames)
        if missing:
            raise FrameMissingError(
                f"{self.name} lacks {_frames_in_words(missing)} of {frames}: "
                "render or copy what is missing, or ask for a range without it.",
                missing[0],
            )


def is_movie(path: Path) -> bool:
    """Say whether a file is read as a movie, by its ending."""
    return path.suffix.lower() in MOVIE_ENDINGS


def find_footage(path: str) -> ImageSequence | Path:
    """Return the images that a path means, or the movie's file; raises PlateError."""
    if not _is_text(path):
        raise PlateError(f"The name {path!a} is no text in UTF-8, which image libraries ask for: rename it.")
    place = Path(path)
    if place.is_dir():
        return _only_footage_in(place)
    if place.is_file():
        return place if is_movie(place) else _around(place)
    if _PATTERN.search(place.name):
        return _matching(place)
    raise PlateError(f"There is no '{path}': check the path, and that this computer can reach it.")


def lies_in(file: Path, roots: Collection[str]) -> bool:
    """Say whether a file lies in one of the folders, symbolic links followed; without folders every one does."""
    place = file.resolve() if roots else file
    return not roots or any(place.is_relative_to(Path(root).resolve()) for root in roots)


def frame_path(pattern: str, frame: int) -> Path:
    """Return the file of a frame under a pattern; PlateError when the name holds no pattern."""
    place = Path(pattern)
    if not _PATTERN.search(place.name):
        raise PlateError(f"'{pattern}' names one file: put #### where the frame number goes.")
    head, width, rest = _split(place.name)
    return place.with_name(f"{head}{frame:0{width}d}{rest}")


def narrowed(there: FrameRange, wanted: FrameRange | None, name: str, handles: int = 0) -> FrameRange:
    """Return the frames wanted, with so many handles at each end as there are; PlateError when some are not there."""
    if wanted is None:
        if handles:
            raise PlateError(f"{handles} handles stand round frames that are asked for: say which, such as 1001-1100.")
        return there
    if wanted.first < there.first or wanted.last > there.last:
        raise PlateError(f"Frames {wanted} are not all in {name}, which has {there}: ask for frames inside it.")
    return FrameRange(max(there.first, wanted.first - handles), min(there.last, wanted.last + handles))


def frames_in_words(frames: Collection[int]) -> str:
    """Return frames as a person would list them: `frame 7` or `frames 3-5, 9`; long lists are cut."""
    return _frames_in_words(sorted(frames))


def _frames_in_words(frames: list[int]) -> str:
    runs: list[list[int]] = []
    for frame in frames:
        if runs and frame == runs[-1][1] + 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    texts = [str(first) if first == last else f"{first}-{last}" for first, last in runs]
    more = f" and {len(texts) - _NAMED_AT_MOST} more gaps" if len(texts) > _NAMED_AT_MOST else ""
    return f"frame{'s' if len(frames) > 1 else ''} {', '.join(texts[:_NAMED_AT_MOST])}{more}"


def _split(name: str) -> tuple[str, int, str]:
    """Return what stands before the (last) pattern, its width in digits, and what stands after it."""
    found = list(_PATTERN.finditer(name))[-1]
    digits = found["percent"] or found["dollar"]
    text = found.group()
    width = int(digits or 1) if text[0] in "%$" else len(text)
    return name[: found.start()], width, name[found.end() :]


def _matching(place: Path) -> ImageSequence:
    head, width, rest = _split(place.name)
    shape = re.compile(re.escape(head) + r"(?P<number>-?\d+)" + re.escape(rest), re.DOTALL)
    numbered = []
    for name in _names(place.parent):
        found = shape.fullmatch(name)
        if found and _fits(found["number"], width):
            numbered.append((int(found["number"]), name))
    if not numbered:
        raise PlateError(f"No file matches '{place}': check the name, the number of digits and the folder.")
    return _sequence(place, numbered)


def _fits(number: str, width: int) -> bool:
    """Say whether a number is written with so many digits, or more where it needs them; 1 takes any padding."""
    return width == 1 or len(number) == width or (len(number) > width and not number.lstrip("-").startswith("0"))


def _around(file: Path) -> ImageSequence:
    """Return the sequence that a file belongs to, by the last number in its name."""
    found = _LAST_NUMBER.match(file.stem)
    if not found:
        return ImageSequence(str(file), {STILL_FRAME: file})
    key = (found["stem"], found["rest"] + file.suffix)
    groups = _groups(_names(file.parent))
    return _sequence(file.with_name(_pattern(key, groups[key])), groups[key])


def _only_footage_in(folder: Path) -> ImageSequence | Path:
    names = _names(folder)
    movies = [name for name in names if is_movie(Path(name))]
    images = [name for name in names if Path(name).suffix.lower() in IMAGE_ENDINGS]
    groups = {_pattern(key, group): group for key, group in _groups(images).items()}
    stills = [name for name in images if not _LAST_NUMBER.match(Path(name).stem)]
    choices = sorted([*groups, *stills, *movies])
    if not choices:
        raise PlateError(f"The folder '{folder}' holds no image sequence and no movie.")
    if len(choices) > 1:
        listed = ", ".join(choices[:_NAMED_AT_MOST]) + (" and more" if len(choices) > _NAMED_AT_MOST else "")
        raise PlateError(f"The folder '{folder}' holds more than one plate ({listed}): name the one that you want.")
    if movies:
        return folder / movies[0]
    if stills:
        return ImageSequence(str(folder / stills[0]), {STILL_FRAME: folder / stills[0]})
    return _sequence(folder / choices[0], groups[choices[0]])


def _groups(names: Iterable[str]) -> dict[tuple[str, str], list[tuple[int, str]]]:
    """Return the frames and names that differ in their last number alone, by what surrounds it."""
    groups: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for name in names:
        stem, ending = os.path.splitext(name)  # noqa: PTH122 - a name, and there are many
        found = _LAST_NUMBER.match(stem)
        if found:
            key = (found["stem"], found["rest"] + ending)
            groups.setdefault(key, []).append((int(found["number"]), name))
    return groups


def _pattern(key: tuple[str, str], numbered: list[tuple[int, str]]) -> str:
    head, rest = key
    width = min(len(name) for _, name in numbered) - len(head) - len(rest)
    return f"{head}{'#' * width}{rest}"


def _sequence(place: Path, numbered: list[tuple[int, str]]) -> ImageSequence:
    files: dict[int, Path] = {}
    for frame, name in sorted(numbered):
        if frame in files:
            raise PlateError(f"'{files[frame].name}' and '{name}' are both frame {frame}: move one of them away.")
        files[frame] = place.with_name(name)
    return ImageSequence(str(place), files)


def _names(folder: Path) -> list[str]:
    try:
        # A link that leads nowhere is a frame too, which is told when it is read: else a sequence would end before it.
        names = [entry.name for entry in os.scandir(folder) if entry.is_file() or _leads_nowhere(entry)]
    except FileNotFoundError:
        hint = "check the path, and that this computer can reach it"
        raise PlateError(f"There is no folder '{folder}': {hint}.") from None
    except OSError as error:
        raise PlateError(f"The folder '{folder}' cannot be read: {error.strerror}.") from error
    return [name for name in names if not name.startswith(".") and _is_text(name)]


def _leads_nowhere(entry: os.DirEntry[str]) -> bool:
    return entry.is_symlink() and not entry.is_dir()


def _is_text(name: str) -> bool:
    """Say whether a name is text: the bytes of one that is not stand in it as lone surrogates."""
    return name.isprintable() or name.encode(errors="ignore").decode() == name
