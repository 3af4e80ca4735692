"""What holds before any test imports gRPC."""

from __future__ import annotations

import os

# As `roto_client.transport` does, which many tests import after gRPC: programs that they start shall live.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
