"""SAM 2 at the size of tests, for a real daemon: loaded by the name `micro_engine:MicroEngine`."""

from __future__ import annotations

from pathlib import Path

from roto_daemon.engines.sam2 import OwnFile, Sam2Engine

MICRO = Path(__file__).parents[1] / "micro_sam2"


def MicroEngine() -> Sam2Engine:  # noqa: N802 - stands where engines' classes stand
    """Return the engine with the weights that the repository keeps."""
    return _engine("sam2-micro", MICRO / "micro.safetensors")


def blind_engine(folder: Path, seed: int = 0) -> Sam2Engine:
    """Return the engine with random weights, which it keeps in a folder; it thinks that the object is there."""
    import torch  # noqa: PLC0415 - a daemon that loads the other engine needs none of this
    from safetensors.torch import save_file  # noqa: PLC0415 - the same

    from roto_daemon.engines.sam2.predictor import build  # noqa: PLC0415 - the same

    torch.manual_seed(seed)
    predictor = build(MICRO / "micro.yaml")
    with torch.no_grad():
        predictor.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(4.0)
    file = folder / f"blind{seed}.safetensors"
    save_file(predictor.state_dict(), file)
    return _engine("sam2-blind", file)


def _engine(name: str, weights: Path) -> Sam2Engine:
    return Sam2Engine(name, "SAM 2 (micro, for tests)", OwnFile(weights), MICRO / "micro.yaml", "cpu")
