"""Nuke runs this in every session, in terminals and renders too: it lets Python find Rotolink, and starts nothing."""

import sys
from pathlib import Path

import nuke

FOLDER = Path(__file__).resolve().parent

for _folder in (FOLDER, FOLDER / "client"):
    if _folder.is_dir() and str(_folder) not in sys.path:
        sys.path.append(str(_folder))

try:
    from roto_client import vendored
except ImportError:
    nuke.tprint("Rotolink's client was not found beside its plugin. Install both with: roto plugins install nuke")
else:
    vendored.use(FOLDER / "vendor")
