"""Cutie at the size of tests, with random weights: everything but sight."""

from __future__ import annotations

from pathlib import Path

from roto_daemon.engines.classic import ClassicEngine
from roto_daemon.engines.cutie import CutieEngine
from roto_daemon.engines.sam2 import OwnFile

TINY = {
    "pixel_dim": 32,
    "key_dim": 16,
    "value_dim": 32,
    "sensory_dim": 32,
    "embed_dim": 32,
    "pixel_encoder": {"type": "resnet18", "ms_dims": [256, 128, 64]},
    "object_transformer": {"ff_dim": 64, "num_heads": 4, "num_blocks": 1, "num_queries": 4},
    "mask_decoder": {"up_dims": [32, 16, 16]},
}


def blind_cutie(folder: Path, seed: int = 0) -> CutieEngine:
    """Return the engine with random weights, which it keeps in a folder."""
    import torch  # noqa: PLC0415 - collecting tests needs none of this
    from safetensors.torch import save_file  # noqa: PLC0415 - the same

    from roto_daemon.engines.cutie.network import build  # noqa: PLC0415 - the same

    torch.manual_seed(seed)
    net = build(TINY).net
    torch.nn.init.constant_(net.mask_decoder.pred.bias, 4.0)  # it thinks that the object is there
    file = folder / f"blind_cutie{seed}.safetensors"
    save_file(net.state_dict(), file)
    return CutieEngine(OwnFile(file), ClassicEngine(), "cutie-blind", "Cutie (random, for tests)", "cpu", TINY)
