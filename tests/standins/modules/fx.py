"""The stand-in under Silhouette's own name: `silhouette_program` says what it does."""

from typing import Any

import silhouette_program
from silhouette_program import (
    Action,
    Color,
    Layer,
    Matrix,
    Node,
    Object,
    Player,
    Point,
    Port,
    PreviewProgressHandler,
    Property,
    PropertyEditor,
    Session,
    Shape,
    activate,
    activeNode,
    activeSession,
    addAction,
    beginUndo,
    displayError,
    endUndo,
    findObject,
    selection,
    status,
)
from silhouette_program import Path_ as Path

player = Player()


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever is asked for
    if name == "gui":
        return silhouette_program.program.gui
    raise AttributeError(f"nobody has seen fx.{name}")


__all__ = [
    "Action",
    "Color",
    "Layer",
    "Matrix",
    "Node",
    "Object",
    "Path",
    "Point",
    "Port",
    "PreviewProgressHandler",
    "Property",
    "PropertyEditor",
    "Session",
    "Shape",
    "activate",
    "activeNode",
    "activeSession",
    "addAction",
    "beginUndo",
    "displayError",
    "endUndo",
    "findObject",
    "player",
    "selection",
    "status",
]
