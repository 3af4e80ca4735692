# Panels in Nuke's panes.

from typing import Optional

from nuke import _Dock

def registerWidgetAsPanel(widget: str, name: str, id: str, create: bool = ...) -> Optional[PythonPanel]: ...

class PythonPanel:
    def __init__(self, title: str, id: str) -> None: ...
    def addToPane(self, pane: Optional[_Dock] = ...) -> Optional[_Dock]: ...
