"""Nuke runs this at the start of a session with windows."""

from roto_nuke import menus

menus.add()
