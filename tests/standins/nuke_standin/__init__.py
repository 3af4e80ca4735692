"""A stand-in of Nuke that behaves as measured in the real one, and fails where the real one fails, crashes or hangs.

`nuke`, `nuke.rotopaint`, `nuke.curvelib` and `nukescripts.panels` in `../modules` hand out what stands here. A test
makes a fresh program by `start` and plays the artist and the program's idle loop by `program`.
"""

from nuke_standin.program import Program, program, start

__all__ = ["Program", "program", "start"]
