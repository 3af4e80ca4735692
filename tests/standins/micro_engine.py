"""SAM 2 at the size of tests, for a real daemon: loaded by the name `micro_engine:MicroEngine`."""

from __future__ import annotations

from pathlib import Path

from roto_daemon.engines.sam2 import OwnFile, Sam2Engine

MICRO = Path(__file__).parents[1] / "micro_sam2"


def MicroEngine() -> Sam2Engine:  # noqa: N802 - stands where engines' classes stand
    """Return the engine with the weights that the repository keeps."""
    return Sam2Engine(
        "sam2-micro", "SAM 2 (micro, for tests)", OwnFile(MICRO / "micro.safetensors"), MICRO / "micro.yaml", "cpu"
    )
