"""Rotolink in Fusion's menu. Fusion gives `fusion`, `comp` and `bmd` to a script."""

import sys

FOLDER = "@ROTOLINK@"
"""Where `roto plugins install fusion` put the plugin."""

# Before all else: another Rotolink that this Python has may be of another version.
sys.path[:0] = [FOLDER, FOLDER + "/client"]

from roto_client import vendored  # noqa: E402 - the folder is known from here on

vendored.use(FOLDER + "/vendor")

from roto_fusion.start import start  # noqa: E402 - as above

start(globals().get("fusion"), globals().get("comp"), globals().get("bmd"))
