"""The stand-in under Nuke's own name."""

from nuke_standin.app import PythonPanel, registerWidgetAsPanel

__all__ = ["PythonPanel", "registerWidgetAsPanel"]
