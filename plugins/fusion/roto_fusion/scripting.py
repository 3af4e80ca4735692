"""What the plugin uses of Fusion's objects for scripts, as far as Blackmagic documents them.

Lists come from Fusion as tables with the keys 1, 2, 3 …, and "nothing" as None. Every object answers any name with
something, so that a misspelt one fails late or never: the plugin is written against these types alone. Arguments go by
their place.
"""

from __future__ import annotations

from typing import Any, Optional, Protocol


class Image(Protocol):
    """A picture that a tool made; its pixels are out of reach."""

    @property
    def Width(self) -> int:  # noqa: N802 - Fusion's name, as all below
        """Return its width in pixels."""

    @property
    def Height(self) -> int:  # noqa: N802
        """Return its height in pixels."""


class Output(Protocol):
    """What a tool gives."""

    def GetTool(self) -> Tool:  # noqa: N802
        """Return the tool that it belongs to."""

    def GetConnectedInputs(self) -> Optional[dict[float, Input]]:  # noqa: N802
        """Return the inputs that take it."""

    def GetValue(self, time: float, /) -> Optional[Image]:  # noqa: N802
        """Return what it gives at a time; for a picture, its facts."""


class Input(Protocol):
    """What a tool takes."""

    def GetTool(self) -> Tool:  # noqa: N802
        """Return the tool that it belongs to."""

    def GetConnectedOutput(self) -> Optional[Output]:  # noqa: N802
        """Return what it is connected with."""

    def ConnectTo(self, output: Optional[Output] = None, /) -> bool:  # noqa: N802
        """Connect it, or without an output disconnect it."""


class Tool(Protocol):
    """A tool of a composition; a mask and a spline are tools too."""

    @property
    def Name(self) -> str:  # noqa: N802
        """Return its name in the flow."""

    @property
    def ID(self) -> str:  # noqa: N802
        """Return its kind."""

    @property
    def EffectMask(self) -> Input:  # noqa: N802
        """Return the input for a mask."""

    @property
    def Polyline(self) -> Input:  # noqa: N802
        """Return a polygon mask's outline."""

    @property
    def Level(self) -> Input:  # noqa: N802
        """Return a mask's level."""

    def GetAttrs(self) -> dict[str, Any]:  # noqa: N802
        """Return its attributes."""

    def SetAttrs(self, attributes: dict[str, Any], /) -> None:  # noqa: N802
        """Set some of its attributes."""

    def GetInput(self, name: str, time: float = 0.0, /) -> Any:  # noqa: ANN401, N802 - a number, a text or a point
        """Return the value of an input at a time."""

    def SetInput(self, name: str, value: Any, /) -> None:  # noqa: ANN401, N802 - the same
        """Set the value of an input."""

    def FindMainInput(self, number: int, /) -> Optional[Input]:  # noqa: N802
        """Return one of the inputs for pictures; the first is 1."""

    def FindMainOutput(self, number: int, /) -> Optional[Output]:  # noqa: N802
        """Return one of the outputs; the first is 1."""

    def GetData(self, name: str, /) -> Any:  # noqa: ANN401, N802 - what was kept
        """Return what is kept with the tool under a name."""

    def SaveSettings(self, path: str, /) -> bool:  # noqa: N802
        """Write the tool's settings to a file."""

    def Delete(self) -> None:  # noqa: N802
        """Take the tool away."""


class Composition(Protocol):
    """A composition."""

    CurrentTime: float

    def GetAttrs(self) -> Optional[dict[str, Any]]:  # noqa: N802
        """Return its attributes; None once Fusion is gone."""

    def GetPrefs(self, name: str, /) -> dict[str, Any]:  # noqa: N802
        """Return preferences below a name."""

    def GetToolList(self, selected: bool, kind: str = "", /) -> dict[float, Tool]:  # noqa: FBT001, N802
        """Return tools, all or those selected, of a kind or any."""

    def FindTool(self, name: str, /) -> Optional[Tool]:  # noqa: N802
        """Return a tool by its name."""

    def AddTool(self, kind: str, /) -> Optional[Tool]:  # noqa: N802
        """Add a tool; None where there is none of that kind."""

    def Lock(self) -> None:  # noqa: N802
        """Show no dialogs and draw nothing until `Unlock`."""

    def Unlock(self) -> None:  # noqa: N802
        """End what `Lock` began."""

    def StartUndo(self, name: str, /) -> None:  # noqa: N802
        """Begin one step of undo."""

    def EndUndo(self, keep: bool, /) -> None:  # noqa: FBT001, N802
        """End that step, and keep it or not."""

    def Undo(self, steps: int = 1, /) -> None:  # noqa: N802
        """Take steps back."""

    def Execute(self, lua: str, /) -> None:  # noqa: N802
        """Run Lua inside Fusion."""

    def Render(self, what: dict[str, Any], /) -> bool:  # noqa: N802
        """Render frames; waits when told to."""

    def MapPath(self, path: str, /) -> str:  # noqa: N802
        """Return a path without Fusion's short forms."""

    def GetData(self, name: str, /) -> Any:  # noqa: ANN401, N802 - what was kept
        """Return what is kept with the composition under a name."""

    def SetData(self, name: str, value: Any, /) -> None:  # noqa: ANN401, N802 - the same
        """Keep something with the composition under a name."""


def tools(comp: Composition, kind: str = "") -> list[Tool]:
    """Return the tools of a composition, of a kind or all."""
    return list((comp.GetToolList(False, kind) or {}).values())  # noqa: FBT003 - by its place


def selected_tools(comp: Composition) -> list[Tool]:
    """Return the tools that are selected."""
    return list((comp.GetToolList(True) or {}).values())  # noqa: FBT003 - by its place
