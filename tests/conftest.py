"""What holds for all tests: programs that are started live beside gRPC, and a slow machine is no failure."""

from __future__ import annotations

import os

from hypothesis import settings

# As `roto_client.transport` does, which many tests import after gRPC: programs that they start shall live.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

# Time is measured by the benchmark, never by a test.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
