"""Silhouette imports this folder as a package at its start: it lets Python find Rotolink, and adds its actions."""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent

# Before all else: another Rotolink that this Python has may be of another version.
sys.path[:0] = [str(part) for part in (FOLDER, FOLDER / "client") if part.is_dir()]

from roto_client import vendored  # noqa: E402 - the folder is known from here on

vendored.use(FOLDER / "vendor")

from roto_silhouette import actions  # noqa: E402 - as above

actions.register()
