"""Makes the picture of the panel for docs/hosts/panel.md: `make panel-picture`.

Footage: Big Buck Bunny, (c) 2008 Blender Foundation, www.bigbuckbunny.org, CC BY 3.0.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import cv2
from composites import footage
from host_rig import GivenPlate
from panel_room import PanelRoom
from serving import serving

from roto_shapes.shot import FrameRange, Plate

_QUALITY = 88
"""Of a JPEG: the repository takes no large pictures."""
_FIRST, _COUNT, _OFFSET = 41, 30, 1000
_POINTED = 1053
_BUNNY = ((460.0, 396.0), (312.0, 140.0), (460.0, 152.0))
_ROCK = (1080.0, 372.0)
"""What is pointed at, and on which frame."""


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description="Make a picture of the panel.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", default="1180x760")
    parser.add_argument("--frames", type=int, default=_COUNT)
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, picture in enumerate(footage("bigbuckbunny", _FIRST, arguments.frames)):
            cv2.imwrite(str(folder / f"bunny.{_FIRST + number:04d}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        frames = FrameRange(_FIRST + _OFFSET, _FIRST + _OFFSET + arguments.frames - 1)
        given = GivenPlate(Plate(1280, 720, frames, "bigbuckbunny"), str(folder / "bunny.####.png"), _OFFSET)
        with serving(folder) as daemon:
            _work(daemon.address, given, (width, height), arguments.out)


def _work(address: str, given: GivenPlate, size: tuple[int, int], out: Path) -> None:
    room = PanelRoom(address, given, size=size)
    room.patience_s = 600.0
    desk, view = room.desk, room.panel.view
    desk.open_plate()
    room.settle()
    desk.use_engine("classic")
    room.settle()
    desk.go_to(_POINTED)
    desk.add_object("rock")
    desk.click(*_ROCK)
    desk.track()
    desk.add_object("bunny")
    for x, y in _BUNNY:
        desk.click(x, y)
    desk.click(690.0, 440.0, foreground=False)
    desk.track()
    room.settle()
    desk.write()
    room.settle()
    assert desk.state.node, desk.state.said
    for place in (3, -4):
        desk.lock(sorted(desk.state.find(2).keyframes)[place])
        room.settle()
    room.settle()
    desk.write()
    view.fit()
    room.settle()
    room.until(lambda: bool(desk.picture(desk.state.frame)) and bool(desk.matte(2, desk.state.frame)))
    room.turn()
    out.parent.mkdir(parents=True, exist_ok=True)
    room.panel.grab().save(str(out), None, _QUALITY)
    room.close()


if __name__ == "__main__":
    main()
