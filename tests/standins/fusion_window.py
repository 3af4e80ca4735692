"""Fusion's toolkit for windows, as far as it is documented: what is not raises."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Optional

from fusion_program import FaultError

Gesture = Callable[["Window"], None]

_KNOWN = {
    "Button": {"ID", "Text", "ToolTip"},
    "Label": {"ID", "Text", "WordWrap", "Weight"},
    "LineEdit": {"ID", "Text"},
    "Timer": {"ID", "Interval"},
}
_EVENTS = {"Clicked", "Close"}


class Widget:
    """A part of a window."""

    def __init__(self, kind: str, settings: dict[str, Any]) -> None:
        unknown = set(settings) - _KNOWN[kind]
        if unknown:
            raise FaultError(f"a {kind} has no {unknown}")
        self.kind, self.settings = kind, settings
        self.Text = settings.get("Text", "")
        self.runs = False

    def Start(self) -> None:  # noqa: N802 - Fusion's name
        self._require_timer()
        self.runs = True

    def Stop(self) -> None:  # noqa: N802 - the same
        self._require_timer()
        self.runs = False

    def _require_timer(self) -> None:
        if self.kind != "Timer":
            raise FaultError(f"a {self.kind} neither starts nor stops")


class UIManager:
    """Makes parts of windows."""

    def __init__(self) -> None:
        self.timers: list[Widget] = []

    def VGroup(self, *given: Any) -> list[Widget]:  # noqa: ANN401, N802 - settings and parts in either form
        return [widget for part in given[-1] for widget in (part if isinstance(part, list) else [part])]

    HGroup = VGroup

    def Button(self, settings: dict[str, Any]) -> Widget:  # noqa: N802
        return Widget("Button", settings)

    def Label(self, settings: dict[str, Any]) -> Widget:  # noqa: N802
        return Widget("Label", settings)

    def LineEdit(self, settings: dict[str, Any]) -> Widget:  # noqa: N802
        return Widget("LineEdit", settings)

    def Timer(self, settings: dict[str, Any]) -> Widget:  # noqa: N802
        self.timers.append(Widget("Timer", settings))
        return self.timers[-1]


class _Events:
    """What happens to one part: a handler for each event that there is."""

    def __setattr__(self, name: str, handler: object) -> None:
        if name not in _EVENTS:
            raise FaultError(f"there is no event {name}")
        object.__setattr__(self, name, handler)


class _On:
    def __init__(self, names: Iterable[str]) -> None:
        self._of = {name: _Events() for name in names}

    def __getattr__(self, name: str) -> _Events:
        if name not in self._of:
            raise FaultError(f"the window has no part {name}")
        return self._of[name]


class Window:
    """A window that was added."""

    def __init__(self, settings: dict[str, Any], parts: list[Widget]) -> None:
        self._items = {part.settings["ID"]: part for part in parts if "ID" in part.settings}
        self.On = _On([settings["ID"], *self._items])
        self.is_shown = False

    def GetItems(self) -> dict[str, Widget]:  # noqa: N802
        return dict(self._items)

    def Show(self) -> None:  # noqa: N802
        self.is_shown = True

    def Hide(self) -> None:  # noqa: N802
        self.is_shown = False

    # What a person does

    def press(self, name: str) -> None:
        self.On.__getattr__(name.replace(" ", "")).Clicked({})  # type: ignore[attr-defined] # set by the plugin

    def close(self) -> None:
        self.On.__getattr__("Rotolink").Close({})  # type: ignore[attr-defined] # the same

    def type(self, name: str, text: str) -> None:
        self._items[name].Text = text

    def text(self, name: str) -> str:
        return str(self._items[name].Text)


class _Dispatched:
    Timeout: Optional[Callable[[object], None]] = None


class Dispatcher:
    """Runs a window: first the gestures that a test gives, with the timer in between, until the loop is left."""

    def __init__(self, ui: UIManager, gestures: Iterable[Gesture]) -> None:
        self.On = _Dispatched()
        self._ui = ui
        self._gestures = iter(gestures)
        self._left = False
        self.window: Optional[Window] = None

    def AddWindow(self, settings: dict[str, Any], content: list[Any]) -> Window:  # noqa: N802
        self.window = Window(settings, content[0])
        return self.window

    def RunLoop(self) -> None:  # noqa: N802
        window = self.window
        if window is None or not window.is_shown or not any(timer.runs for timer in self._ui.timers):
            raise FaultError("the loop runs without a window that is shown and a timer that runs")
        while not self._left:
            gesture = next(self._gestures, None)
            if gesture is None:
                raise FaultError("the gestures are over, and the window was not left")
            gesture(window)
            self.tick()

    def ExitLoop(self) -> None:  # noqa: N802
        self._left = True

    def tick(self) -> None:
        if self.On.Timeout is not None and not self._left:
            self.On.Timeout({})
