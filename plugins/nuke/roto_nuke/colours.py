"""Nuke's colour spaces by the names that a daemon knows."""

from __future__ import annotations

import re
from typing import NamedTuple, Union

import nuke

LIGHT, DISPLAY = "scene-linear", "sRGB"
"""The two names that every daemon knows."""

NUKES_OWN = {"linear": LIGHT, "scene_linear": LIGHT, "sRGB": DISPLAY, "rec709": "Camera Rec.709"}
"""Colour spaces of Nuke's own management that a daemon has under a name; the others are curves without primaries."""

WORKING_SPACE = "workingSpaceLUT"
"""The root's knob that names the working space."""

CONFIG_PATHS = ("customOCIOConfigPath",)
"""The root's knobs that hold the file of an OCIO configuration."""

_DEFAULT = re.compile(r"default(?: \((.*)\))?")


class Colour(NamedTuple):
    """A colour space, and the OCIO configuration that names it; both empty to take the file's word."""

    name: str = ""
    config: str = ""


def script_colour() -> str:
    """Return the colour space of pictures inside the script."""
    space = _root_text(WORKING_SPACE)
    return NUKES_OWN.get(space, space) if space else LIGHT


def written_colour(read: nuke.Node) -> Union[Colour, str]:
    """Return the colour space of a Read's files, or why its frames must be rendered."""
    raw = read.knob("raw")
    if isinstance(raw, nuke.Boolean_Knob) and raw.value():
        return Colour(script_colour())
    knob = read.knob("colorspace")
    space = knob.value() if isinstance(knob, (nuke.String_Knob, nuke.Enumeration_Knob)) else ""
    by_default = _DEFAULT.fullmatch(space)
    if by_default:
        space = by_default[1] or ""
    if not space:
        return Colour()
    if _root_text("colorManagement") == "OCIO":
        config = next(filter(None, map(_root_text, CONFIG_PATHS)), "")
        return Colour(space, config)
    if space in NUKES_OWN:
        return Colour(NUKES_OWN[space])
    return f"The daemon does not know the colour space {space} of {read.name()}, so its frames are rendered and sent."


def _root_text(name: str) -> str:
    knob = nuke.root().knob(name)
    return knob.value() if isinstance(knob, (nuke.String_Knob, nuke.Enumeration_Knob)) else ""
