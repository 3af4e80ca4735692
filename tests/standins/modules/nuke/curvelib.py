"""The stand-in under Nuke's own name."""

from nuke_standin.attributes import AnimAttributes, AnimCTransform, CTransform
from nuke_standin.curves import (
    AnimControlPoint,
    AnimCurve,
    AnimCurveKey,
    ControlPoint,
    CurveType,
    FlagType,
    InterpolationType,
)
from nuke_standin.elements import CubicCurve
from nuke_standin.vectors import CMatrix4, CVec2, CVec3, CVec4

__all__ = [
    "AnimAttributes",
    "AnimCTransform",
    "AnimControlPoint",
    "AnimCurve",
    "AnimCurveKey",
    "CMatrix4",
    "CTransform",
    "CVec2",
    "CVec3",
    "CVec4",
    "ControlPoint",
    "CubicCurve",
    "CurveType",
    "FlagType",
    "InterpolationType",
]
