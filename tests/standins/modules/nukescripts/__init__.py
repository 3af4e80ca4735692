"""The stand-in under Nuke's own name."""
