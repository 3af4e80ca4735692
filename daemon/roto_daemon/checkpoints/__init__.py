"""Checkpoints: which files of weights there are, whether they may be used here, and how they get here.

Nothing here imports torch: what the files hold is read by `roto_daemon.engines.weights`.
"""

from roto_daemon.checkpoints.folder import ModelsFolder as ModelsFolder
from roto_daemon.checkpoints.policy import Policy as Policy
from roto_daemon.checkpoints.table import CHECKPOINTS as CHECKPOINTS
from roto_daemon.checkpoints.table import Checkpoint as Checkpoint
from roto_daemon.checkpoints.table import checkpoint as checkpoint
