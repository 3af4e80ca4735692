"""Nuke runs this in every session, in terminals and renders too: it lets Python find Rotolink, and starts nothing."""

import sys
from pathlib import Path

import nuke

FOLDER = Path(__file__).resolve().parent

if str(FOLDER) not in sys.path:
    sys.path.append(str(FOLDER))
if (FOLDER / "client").is_dir():
    # Before all else: another Rotolink that this Nuke finds may be of another version.
    sys.path.insert(0, str(FOLDER / "client"))

try:
    from roto_client import vendored
except ImportError:
    nuke.tprint("Rotolink's client was not found beside its plugin. Install both with: roto plugins install nuke")
else:
    vendored.use(FOLDER / "vendor")
