"""Rotolink inside Nuke."""
