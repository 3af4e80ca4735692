"""Build the panel: one classic script from `src`, which every host loads. `make panel-script` runs it.

The result is committed, so that installing the panel needs no tools; a test says when it is stale.
"""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).parent
SOURCES = ("bytes", "connection", "shapes", "desk", "hosts", "view", "main")
SCRIPT = FOLDER / "panel.js"
APPLY = FOLDER.parents[1] / "shared_client" / "roto_shapes" / "formats" / "apply_roto.js"


def built() -> str:
    """Return the panel's script: After Effects' routines, the same as text for ExtendScript, then the panel itself."""
    apply_roto = APPLY.read_text(encoding="ascii")
    host = (FOLDER / "src" / "ae_host.js").read_text(encoding="ascii")
    texts = {"applyRotoText": apply_roto, "hostScript": f"{apply_roto}\n{host}"}
    parts = ["// Built by build.py from src and apply_roto.js: change those.", "/* eslint-disable */", apply_roto, host]
    parts += [
        "globalThis.Rotolink = globalThis.Rotolink || {};",
        *(f"globalThis.Rotolink.{name} = {json.dumps(text)};" for name, text in texts.items()),
    ]
    parts += [(FOLDER / "src" / f"{name}.js").read_text(encoding="utf-8") for name in SOURCES]
    return "\n".join(parts)


if __name__ == "__main__":
    SCRIPT.write_text(built(), encoding="utf-8")
