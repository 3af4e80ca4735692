"""The stand-in under Nuke's own name."""

from nuke_standin.elements import Element, Layer, Shape, ShapeControlPoint, Stroke
from nuke_standin.knobs import CurveKnob

__all__ = ["CurveKnob", "Element", "Layer", "Shape", "ShapeControlPoint", "Stroke"]
