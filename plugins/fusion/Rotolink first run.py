"""Tries in this Fusion what Rotolink expects of it. Fusion gives `comp` to a script."""

import sys

FOLDER = "@ROTOLINK@"
"""Where `roto plugins install fusion` put the plugin."""

# Before all else: another Rotolink that this Python has may be of another version.
sys.path[:0] = [FOLDER, FOLDER + "/client"]

from roto_fusion import first_run  # noqa: E402 - the folder is known from here on

first_run.run(globals()["comp"])
