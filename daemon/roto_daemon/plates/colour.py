"""In which colour space a plate's pixels are, by the names of an OpenColorIO configuration.

The configuration is the one that is asked for, else that of the variable `OCIO`, else the ACES studio configuration
that comes with OpenColorIO. OpenImageIO reads it and does the conversions.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from OpenImageIO import ColorConfig

from roto_daemon.errors import PlateError

BUILT_IN = "ocio://studio-config-latest"

GIVEN = "as given"
BY_FILE = "by the file"
BY_RULE = "by the file rules of the OCIO configuration"
ASSUMED = "assumed"

_SRGB = ("sRGB Encoded Rec.709 (sRGB)", "sRGB - Texture", "srgb_rec709_scene", "srgb_tx", "sRGB", "sRGB - Display")
"""Names of sRGB in the configurations that are about, newest ACES first."""
_LIGHT = ("Linear Rec.709 (sRGB)", "lin_rec709_scene", "lin_rec709", "lin_srgb", "linear", "scene_linear")
_OWN_NAMES = {"srgb": _SRGB, "display": _SRGB, "scene-linear": _LIGHT, "linear": _LIGHT}
"""Names that mean the same under every configuration."""
_FILM_LOGS = frozenset({"KodakLog", "Cineon"})
"""What OpenImageIO calls the pixels of a film scan."""
_FILM_SPACES = ("Cineon", "ADX10", "Input - ADX - ADX10", "compositing_log")
"""What configurations call it, the role only where they know no film. ADX10 is ACES' own for scans, with Cineon's 0.002
of density a step: grey is within a third of a stop of Kodak's curve, while ACEScct, the role there, puts the same codes
up to two stops too bright."""
PQ, PQ_P3, HLG = "PQ", "PQ P3-D65", "HLG"
"""What movies of high dynamic range say of themselves (Rec. ITU-R BT.2100, SMPTE ST 2084)."""
_HDR_SPACES = {
    PQ: ("Rec.2100-PQ - Display", "rec2100_pq_display", "pq_rec2020_display"),
    PQ_P3: ("ST2084-P3-D65 - Display", "st2084_p3d65_display", "pq_p3d65_display"),
    HLG: ("Rec.2100-HLG - Display", "rec2100_hlg_display", "hlg_rec2020_display"),
}
"""What configurations call them."""
_SAME_CHROMATICITY = 1e-4
_LISTED_AT_MOST = 12


@dataclass(frozen=True)
class Colour:
    """A colour space of a configuration, and why it was taken."""

    config: str
    space: str
    source: str
    """`GIVEN`, `BY_FILE`, `BY_RULE` or `ASSUMED`."""


@dataclass(frozen=True)
class ColourFacts:
    """What is known about an image's pixels without looking at them."""

    path: str
    is_float: bool = False
    said: str = ""
    """The space by the file's own word; `PQ`, `PQ_P3` or `HLG` for such a movie."""
    chromaticities: tuple[float, ...] = ()
    """x and y of red, green, blue and white, of a file with linear pixels; empty when it does not say."""


def colour_of(given: str, facts: ColourFacts, config: str = "") -> Colour:
    """Return the space of an image's pixels; raises PlateError.

    What is given comes first, then what the file says, then the configuration's file rules. Without any of them
    floats are light with the primaries of Rec.709, as OpenEXR has it, and integers are sRGB. "sRGB" and
    "scene-linear" mean these two under every configuration.
    """
    name = config or os.environ.get("OCIO", "") or BUILT_IN
    known = _load(name)
    if given.strip():
        space = _find(known, _OWN_NAMES.get(given.strip().lower(), (given.strip(),)))
        if not space:
            raise PlateError(
                f"The colour space '{given}' is not in the OCIO configuration {name}, which has {_listed(known)}: "
                "say one of its names, sRGB for pictures as a screen shows them, or scene-linear."
            )
        return Colour(name, space, GIVEN)
    srgb = srgb_of(name)
    said = _said(known, facts)
    if said and (facts.is_float or said != srgb):  # that integers are sRGB is what readers say of any
        return Colour(name, said, BY_FILE)
    ruled = _ruled(known, facts.path, name)
    if ruled:
        return Colour(name, ruled, BY_RULE)
    return Colour(name, (facts.is_float and _find(known, _LIGHT)) or srgb, BY_FILE if said else ASSUMED)


@lru_cache(maxsize=8)
def srgb_of(config: str) -> str:
    """Return what a configuration calls sRGB; raises PlateError when it has none."""
    found = _find(_load(config), _SRGB)
    if not found:
        raise PlateError(
            f"The OCIO configuration {config} has no sRGB, in which models see: add a colour space of that name."
        )
    return found


def light_of(config: str) -> str:
    """Return what a configuration calls light with the primaries of Rec.709, or else the light that it works in."""
    return _find(_load(config), _LIGHT) or srgb_of(config)


def is_data(colour: Colour) -> bool:
    """Say whether a space holds numbers that no conversion touches."""
    return bool(_load(colour.config).isData(colour.space))


def is_light(colour: Colour) -> bool:
    """Say whether the numbers of a space are in proportion to light, or are no colours at all."""
    return is_data(colour) or bool(_load(colour.config).isColorSpaceLinear(colour.space))


@lru_cache(maxsize=8)
def _load(name: str) -> Any:  # noqa: ANN401 - OpenImageIO has no types
    config = ColorConfig(name)
    reason = config.geterror()
    if reason:
        raise PlateError(
            f"The OCIO configuration {name} cannot be used ({reason.strip().splitlines()[0].rstrip('.')}): "
            "correct the setting ocio_config or the variable OCIO."
        )
    return config


def _find(known: Any, names: Iterable[str]) -> str:  # noqa: ANN401 - OpenImageIO has no types
    """Return the first of the names, aliases and roles that the configuration has, as it calls it itself."""
    for name in names:
        plain = known.getColorSpaceNameByRole(name) or known.resolve(name)
        if plain and known.getColorSpaceIndex(plain) >= 0:
            return str(known.getColorSpaceNameByIndex(known.getColorSpaceIndex(plain)))
    return ""


def _said(known: Any, facts: ColourFacts) -> str:  # noqa: ANN401 - OpenImageIO has no types
    if facts.said in _FILM_LOGS:
        return _find(known, (facts.said, *_FILM_SPACES))
    if facts.said in _HDR_SPACES:
        # Taken for sRGB, as other movies are, it would be grey and flat; who wants that can say so.
        found = _find(known, _HDR_SPACES[facts.said])
        if not found:
            raise PlateError(
                f"'{facts.path}' is coded as {facts.said}, and the OCIO configuration has no "
                f"{_HDR_SPACES[facts.said][0]}: say which of its colour spaces the movie is in, or sRGB to take it as "
                "it is."
            )
        return found
    if facts.said:
        return _find(known, (facts.said,))
    if facts.is_float and facts.chromaticities:
        return _with_chromaticities(known, facts.chromaticities)
    return ""


def _with_chromaticities(known: Any, wanted: Sequence[float]) -> str:  # noqa: ANN401 - OpenImageIO has no types
    for name in known.getColorSpaceNames():
        has = known.get_chromaticities(name) if known.isColorSpaceLinear(name) else None
        if has and max(abs(one - other) for one, other in zip(has, wanted)) <= _SAME_CHROMATICITY:
            return str(name)
    return ""


def _ruled(known: Any, path: str, name: str) -> str:  # noqa: ANN401 - OpenImageIO has no types
    """Return what the file rules say, where more than the last of them applies."""
    # The rule of the built-in configurations looks for the name of a space anywhere: a folder `raw` means none.
    asked = Path(path).name if name.startswith("ocio://") else path
    if known.filepathOnlyMatchesDefaultRule(asked):
        return ""
    found = _find(known, (known.getColorSpaceFromFilepath(asked, ""),))
    return "" if found and known.isData(found) else found


def _listed(known: Any) -> str:  # noqa: ANN401 - OpenImageIO has no types
    names = list(known.getColorSpaceNames())
    more = f" and {len(names) - _LISTED_AT_MOST} more" if len(names) > _LISTED_AT_MOST else ""
    return ", ".join(names[:_LISTED_AT_MOST]) + more
