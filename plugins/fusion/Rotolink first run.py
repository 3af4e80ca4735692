"""Tries in this Fusion what Rotolink expects of it. Fusion gives `comp` to a script."""

import sys

FOLDER = "@ROTOLINK@"
"""Where `roto plugins install fusion` put the plugin."""

for part in ("", "/client"):
    if FOLDER + part not in sys.path:
        sys.path.append(FOLDER + part)

from roto_fusion import first_run  # noqa: E402 - the folder is known from here on

first_run.run(globals()["comp"])
