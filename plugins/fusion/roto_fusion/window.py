"""Rotolink's window in Fusion's own toolkit, and dialogs where that is not to be had."""

from __future__ import annotations

from typing import Any, Callable, Optional

from roto_fusion.actions import Actions

TICK_MS = 50
"""How often the window takes what came from the daemon."""

_TITLE = "Rotolink"
_ROWS = (
    ("Start daemon", "Open plate", "New object"),
    ("Place click", "Place exclusion", "Place box", "Use prompts"),
    ("Track back", "Track both", "Track on", "Stop"),
    ("Write masks", "Refine from here", "Lock keyframe"),
    ("Undo", "Redo"),
)
_TIPS = {
    "Start daemon": "Start a daemon on this machine, where none runs yet.",
    "Open plate": "Open the plate of the selected tool.",
    "New object": "Begin another object; prompts belong to it from now on.",
    "Undo": "Take back the last step.",
    "Redo": "Do again what was undone.",
    "Place click": "Put a small ellipse into the viewer: drag it onto the object.",
    "Place exclusion": "The same, for what is not the object.",
    "Place box": "Put a rectangle into the viewer: drag it round the object.",
    "Use prompts": "Point at the object on this frame by what was placed.",
    "Track back": "Follow the object from here to the first frame.",
    "Track both": "Follow the object from here to both ends.",
    "Track on": "Follow the object from here to the last frame.",
    "Stop": "Stop what is under way; frames done stay.",
    "Write masks": "Fit and write polygon masks into the flow.",
    "Refine from here": "Take your edits of the masks back, and follow the object anew from this frame.",
    "Lock keyframe": "Lock the keyframe of this frame, or unlock it.",
}
_STATUS, _TOLERANCE, _POINTS = "Status", "Tolerance", "Points"


def run_window(ui: Any, dispatcher: Any, actions: Actions, is_there: Callable[[], bool]) -> None:  # noqa: ANN401 - Fusion's
    """Show the window until it is closed or Fusion is gone.

    `ui` is Fusion's UIManager, `dispatcher` what `bmd.UIDispatcher` makes of it.
    """
    rows = [
        ui.HGroup({"Weight": 0}, [ui.Button({"ID": _id(name), "Text": name, "ToolTip": _TIPS[name]}) for name in row])
        for row in _ROWS
    ]
    bounds = ui.HGroup(
        {"Weight": 0},
        [
            ui.Label({"Text": "Tolerance (px)"}),
            ui.LineEdit({"ID": _TOLERANCE, "Text": "1.0"}),
            ui.Label({"Text": "or at most so many points"}),
            ui.LineEdit({"ID": _POINTS, "Text": ""}),
        ],
    )
    status = ui.Label({"ID": _STATUS, "Text": actions.status(), "WordWrap": True, "Weight": 1})
    window = dispatcher.AddWindow({"ID": _TITLE, "WindowTitle": _TITLE}, [ui.VGroup([*rows, bounds, status])])
    items = window.GetItems()

    def tick(_: object) -> None:
        if not is_there():
            dispatcher.ExitLoop()
            return
        actions.turn()
        items[_STATUS].Text = actions.status()

    def pressed(name: str) -> Callable[[object], None]:
        def press(event: object) -> None:
            actions.set_bound(items[_TOLERANCE].Text, items[_POINTS].Text)
            (actions.stop if name == "Stop" else actions.all[name])()
            tick(event)

        return press

    for row in _ROWS:
        for name in row:
            getattr(window.On, _id(name)).Clicked = pressed(name)
    getattr(window.On, _TITLE).Close = lambda _: dispatcher.ExitLoop()
    dispatcher.On.Timeout = tick
    timer = ui.Timer({"ID": "Tick", "Interval": TICK_MS})
    window.Show()
    timer.Start()
    dispatcher.RunLoop()
    timer.Stop()
    window.Hide()


def run_dialogs(ask: Callable[[str, dict[int, Any]], Optional[dict[str, Any]]], actions: Actions) -> None:
    """Ask again and again what to do, until the artist cancels; `ask` is `comp.AskUser`."""
    names = [name for row in _ROWS for name in row if name != "Stop"]
    tolerance, points, last = "1.0", "", 0
    while True:
        answer = ask(
            _TITLE,
            {
                1: {1: _STATUS, 2: "Text", "ReadOnly": True, "Lines": 6, "Default": actions.status()},
                2: {1: "Action", 2: "Dropdown", "Options": dict(enumerate(names, 1)), "Default": last},
                3: {1: _TOLERANCE, 2: "Text", "Lines": 1, "Default": tolerance},
                4: {1: _POINTS, 2: "Text", "Lines": 1, "Default": points},
            },
        )
        if not answer:
            return
        tolerance, points, last = str(answer[_TOLERANCE]), str(answer[_POINTS]), int(answer["Action"])
        actions.set_bound(tolerance, points)
        actions.all[names[last]]()
        actions.wait()


def _id(name: str) -> str:
    return name.replace(" ", "")
