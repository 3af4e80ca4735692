"""Wheels that an installed plugin brought along, for the host's own Python.

A host has libraries of its own. A second protobuf or gRPC beside one that it has loaded breaks it, so that ours are
found last, and not at all where another one is there already; the client then speaks HTTP by the standard library.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Union

_CLASHING = ("google.protobuf", "grpc")


def use(folder: Union[str, Path]) -> bool:
    """Let Python find the wheels in a folder, behind everything else; return whether it does.

    False where there is no such folder, or where the host has loaded a protobuf or gRPC of its own.
    """
    path = str(folder)
    if not Path(path).is_dir() or any(name in sys.modules for name in _CLASHING):
        return False
    if path not in sys.path:
        sys.path.append(path)
    return True
