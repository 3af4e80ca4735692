"""Silhouette imports this folder as a package at its start: it lets Python find Rotolink, and adds its actions."""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent

for part in (FOLDER, FOLDER / "client"):
    if part.is_dir() and str(part) not in sys.path:
        sys.path.append(str(part))

from roto_client import vendored  # noqa: E402 - the folder is known from here on

vendored.use(FOLDER / "vendor")

from roto_silhouette import actions  # noqa: E402 - as above

actions.register()
