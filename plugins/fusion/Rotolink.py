"""Rotolink in Fusion's menu. Fusion gives `fusion`, `comp` and `bmd` to a script."""

import sys

FOLDER = "@ROTOLINK@"
"""Where `roto plugins install fusion` put the plugin."""

for part in ("", "/client"):
    if FOLDER + part not in sys.path:
        sys.path.append(FOLDER + part)

from roto_client import vendored  # noqa: E402 - the folder is known from here on

vendored.use(FOLDER + "/vendor")

from roto_fusion.start import start  # noqa: E402 - as above

start(globals().get("fusion"), globals().get("comp"), globals().get("bmd"))
