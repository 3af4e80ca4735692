"""The Rotolink group: prompts as knobs that are dragged in Nuke's Viewer, and buttons."""

from __future__ import annotations

from typing import Optional

import nuke

from roto_client.errors import HostError
from roto_nuke.plates import ROTOLINK_GROUP, source_of
from roto_shapes.prompt import BoxPrompt, PointPrompt, Prompt
from roto_shapes.shot import Plate

POINTS = 8
"""How many points the group has: more do not fit a panel; a brush or a box in Rotolink's own panel says more."""

SAMPLE_KNOB = "colour_sample_bbox"
"""The Viewer's knob of what was sampled last, as corners."""

ADD, SUBTRACT = "add", "subtract"
BUTTONS = (
    ("point", "Point", "Show the object's matte for the points and the box on this frame."),
    ("track", "Track", "Follow the object through the plate, forward and backward."),
    ("to_roto", "To Roto", "Write the shapes into a Roto node."),
    (
        "refine",
        "Refine from here",
        "Take your edits in the Roto node, follow the object anew round them and write again.",
    ),
)
"""Function of `roto_nuke.actions`, label, and what the artist reads about it."""


def create_group() -> nuke.Node:
    """Make a Rotolink group behind the selected node; its picture is its input's."""
    group = nuke.createNode("Group")
    if not isinstance(group, nuke.Group):
        raise HostError("Nuke made no group: is the script full or protected?")
    group.setName("Rotolink1")
    with group:
        source = nuke.nodes.Input()
        nuke.nodes.Output().setInput(0, source)
    size = group.format()
    middle = (size.width() / 2, size.height() / 2)
    group.addKnob(nuke.Tab_Knob("rotolink_tab", "Rotolink"))
    for number in range(1, POINTS + 1):
        place = nuke.XY_Knob(f"place{number}", f"point {number}")
        group.addKnob(place)
        place.setValue(middle)
        on = nuke.Boolean_Knob(f"on{number}", "on", number == 1)
        group.addKnob(on)
        group.addKnob(nuke.Enumeration_Knob(f"sign{number}", "", [ADD, SUBTRACT]))
    box = nuke.BBox_Knob("box", "box")
    group.addKnob(box)
    box.setValue((size.width() / 4, size.height() / 4, size.width() * 3 / 4, size.height() * 3 / 4))
    group.addKnob(nuke.Boolean_Knob("box_on", "on"))
    for name, label, tip in BUTTONS:
        button = nuke.PyScript_Knob(name, label, f"import roto_nuke.actions\nroto_nuke.actions.{name}()")
        button.setTooltip(tip)
        group.addKnob(button)
    mark = nuke.String_Knob(ROTOLINK_GROUP, "")
    mark.setFlag(nuke.INVISIBLE)
    group.addKnob(mark)
    return group


def prompt_on(node: nuke.Node, frame: int) -> Optional[Prompt]:
    """Return what a Rotolink group at a plate's node points at on a frame; None without such a group."""
    group = _group_at(node)
    if group is None:
        return None
    height = group.format().height()
    points = []
    for number in range(1, POINTS + 1):
        if _is_on(group, f"on{number}"):
            x, y = _numbers(group, f"place{number}", frame)
            sign = group[f"sign{number}"]
            adds = not isinstance(sign, nuke.Enumeration_Knob) or sign.value() == ADD
            points.append(PointPrompt(x, height - y, adds))
    box = None
    if _is_on(group, "box_on"):
        left, bottom, right, top = _numbers(group, "box", frame)
        try:
            box = BoxPrompt(left, height - top, right, height - bottom)
        except ValueError as error:
            raise HostError(f"The box of {group.name()} is empty: drag its corners apart in the Viewer.") from error
    found = Prompt(frame, tuple(points), box)
    return None if found.is_empty else found


def sampled(plate: Plate) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of what was sampled last in the Viewer, in plate pixels.

    The Viewer counts from the middle of the picture in halves of its width, whatever its zoom, and upwards; the formula
    is that of public plug-ins. HostError when nothing was sampled.
    """
    viewer = nuke.activeViewer()
    knob = viewer.node()[SAMPLE_KNOB] if viewer is not None else None
    values = [knob.getValueAt(nuke.frame(), index) for index in range(4)] if isinstance(knob, nuke.Array_Knob) else []
    numbers = [value for value in values if isinstance(value, (int, float))]
    if not any(numbers):
        raise HostError("Nothing is sampled in the Viewer: Ctrl+click the object there, or Ctrl+Shift+drag round it.")
    aspect = plate.width * plate.pixel_aspect / plate.height
    across = sorted((numbers[at] * 0.5 + 0.5) * plate.width for at in (0, 2))
    down = sorted(plate.height - (numbers[at] * 0.5 + 0.5 / aspect) * aspect * plate.height for at in (1, 3))
    return across[0], down[0], across[1], down[1]


def _group_at(node: nuke.Node) -> Optional[nuke.Node]:
    """Return the node itself when it is a Rotolink group, else one whose picture comes from the same Read."""
    if node.knob(ROTOLINK_GROUP) is not None:
        return node
    for each in nuke.allNodes("Group"):
        above = each.input(0)
        if each.knob(ROTOLINK_GROUP) is not None and above is not None and (above == node or _same(each, node)):
            return each
    return None


def _same(group: nuke.Node, node: nuke.Node) -> bool:
    """Say whether both show the picture of one Read."""
    try:
        read = source_of(group).read
        return read is not None and read == source_of(node).read
    except HostError:
        return False


def _is_on(node: nuke.Node, name: str) -> bool:
    knob = node.knob(name)
    return isinstance(knob, nuke.Boolean_Knob) and knob.value()


def _numbers(node: nuke.Node, name: str, frame: int) -> list[float]:
    knob = node[name]
    count = 4 if isinstance(knob, nuke.BBox_Knob) else 2
    values = [knob.getValueAt(frame, index) for index in range(count)] if isinstance(knob, nuke.Array_Knob) else []
    return [value for value in values if isinstance(value, (int, float))]
