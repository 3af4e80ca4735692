"""Every checkpoint that an engine can use, ours or a studio's own: where it comes from and what it permits.

Sums and sizes are those that the publishers or, where those give none, several independent mirrors state. A file
whose publisher moves it under the same name keeps its sum here, so that a changed file is noticed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from roto_daemon.errors import UnknownError


class Commercial(Enum):
    """Whether weights may be used for paid work."""

    YES = "yes"
    NO = "no"
    ASK = "ask"
    """Not plainly forbidden: somebody who may decide it has to."""


@dataclass(frozen=True)
class Terms:
    """What the licence of a checkpoint permits."""

    licence: str
    """SPDX expression; what has no SPDX name is a `LicenseRef-…`."""
    commercial: Commercial
    because: str
    """One sentence on why, for the person who has to decide."""

    @property
    def licences(self) -> frozenset[str]:
        """Return the licences that hold together, in lower case."""
        return frozenset(each.strip().lower() for each in self.licence.split(" AND "))


@dataclass(frozen=True)
class Checkpoint:
    """A published file of weights, or of what must lie beside them."""

    name: str
    """What commands call it."""
    family: str
    file: str
    """Its name in the models folder; no other checkpoint has it."""
    url: str
    terms: Terms
    size_bytes: int | None = None
    """Exact, where it is known."""
    about_mb: int | None = None
    """Roughly how large it is in 10^6 bytes, where it is not known exactly."""
    sha256: str = ""
    """Lower case; empty where nobody publishes it."""
    md5: str = ""
    """For want of a sha256."""
    withheld: str = ""
    """Why it cannot be pulled; empty when it can."""


_APACHE = Terms("Apache-2.0", Commercial.YES, "Code and weights are Apache-2.0.")
_RESEARCH_DATA = Terms(
    "MIT",
    Commercial.ASK,
    "The code is MIT, but the weights were also trained on data that is for research only: ask counsel.",
)
_COMPOSITION_1K = Terms(
    "Apache-2.0 AND LicenseRef-Composition-1k",
    Commercial.NO,
    "The weights are labelled Apache-2.0, but Adobe's terms for the data that they were trained on, Composition-1k, "
    "are said to bind trained models to non-commercial use.",
)
_SAM_LICENCE = Terms(
    "LicenseRef-SAM",
    Commercial.YES,
    "The SAM License is royalty-free; pass it on, and no military, weapons, nuclear, espionage or ITAR use.",
)
_S_LAB = Terms("LicenseRef-S-Lab-1.0", Commercial.NO, "NTU S-Lab License 1.0: non-commercial use only.")

_GATED = "its publisher gives it only to accounts that agreed to its licence on huggingface.co"

_META = "https://dl.fbaipublicfiles.com/segment_anything_2/092824/"
_HUB = "https://huggingface.co/"
_GROUNDING = _HUB + "IDEA-Research/grounding-dino-tiny/resolve/a2bb814dd30d776dcf7e30523b00659f4f141c71/"
_VITMATTE_SMALL = _HUB + "hustvl/vitmatte-small-composition-1k/resolve/6a58ad7646403c1df626fbd746900aec7361ea1d/"


def _sam2(size: str, size_bytes: int, sha256: str) -> Checkpoint:
    file = f"sam2.1_hiera_{size}.pt"
    return Checkpoint(f"sam2.1_hiera_{size}", "SAM 2.1", file, _META + file, _APACHE, size_bytes, sha256=sha256)


CHECKPOINTS: tuple[Checkpoint, ...] = (
    _sam2("tiny", 156_008_466, "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69"),
    _sam2("small", 184_416_285, "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38"),
    _sam2("base_plus", 323_606_802, "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5"),
    _sam2("large", 898_083_611, "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318"),
    Checkpoint(
        "edgetam",
        "EdgeTAM",
        "edgetam.pt",
        "https://raw.githubusercontent.com/facebookresearch/EdgeTAM/main/checkpoints/edgetam.pt",
        _APACHE,
        about_mb=56,
        sha256="ed2d4850b8792c239689b043c47046ec239b6e808a3d9b6ae676c803fd8780df",
    ),
    Checkpoint(
        "cutie-base-mega",
        "Cutie",
        "cutie-base-mega.pth",
        "https://github.com/hkchengrex/Cutie/releases/download/v1.0/cutie-base-mega.pth",
        _RESEARCH_DATA,
        about_mb=140,
        md5="a6071de6136982e396851903ab4c083a",
    ),
    Checkpoint(
        "xmem",
        "XMem",
        "XMem.pth",
        "https://github.com/hkchengrex/XMem/releases/download/v1.0/XMem.pth",
        _RESEARCH_DATA,
        about_mb=249,
    ),
    Checkpoint(
        "xmem-s012",
        "XMem",
        "XMem-s012.pth",
        "https://github.com/hkchengrex/XMem/releases/download/v1.0/XMem-s012.pth",
        _RESEARCH_DATA,
        about_mb=249,
    ),
    Checkpoint(
        "vitmatte-small-composition-1k",
        "ViTMatte",
        "vitmatte-small-composition-1k.safetensors",
        _VITMATTE_SMALL + "model.safetensors",
        _COMPOSITION_1K,
        103_294_572,
        sha256="bda9289db1bb6762d978b42d1c62ae3f34daf7497171a347a1d09657efd788cb",
    ),
    Checkpoint(
        "vitmatte-base-composition-1k",
        "ViTMatte",
        "vitmatte-base-composition-1k.bin",
        _HUB + "hustvl/vitmatte-base-composition-1k/resolve/main/pytorch_model.bin",
        _COMPOSITION_1K,
        about_mb=387,
        sha256="b2521bcc4b719fb24611c39605b6642162fd7502e69b3cc846506ca921757b41",
    ),
    Checkpoint(
        "grounding-dino-tiny",
        "Grounding DINO",
        "grounding-dino-tiny.safetensors",
        _GROUNDING + "model.safetensors",
        _APACHE,
        about_mb=689,
        sha256="1a2412ef99bd74bcd3c2a246fa1e48581f8889a1300c9051974741314fc042f3",
    ),
    Checkpoint(
        "grounding-dino-tiny-tokenizer",
        "Grounding DINO",
        "grounding-dino-tiny-tokenizer.json",
        _GROUNDING + "tokenizer.json",
        _APACHE,
        about_mb=1,
    ),
    Checkpoint(
        "groundingdino_swint_ogc",
        "Grounding DINO",
        "groundingdino_swint_ogc.pth",
        "https://github.com/IDEA-Research/GroundingDINO/releases/download/v0.1.0-alpha/groundingdino_swint_ogc.pth",
        _APACHE,
        693_997_677,
        sha256="3b3ca2563c77c69f651d7bd133e97139c186df06231157a64c507099c52bc799",
    ),
    Checkpoint(
        "sam3",
        "SAM 3",
        "sam3.pt",
        _HUB + "facebook/sam3",
        _SAM_LICENCE,
        about_mb=3450,
        sha256="9999e2341ceef5e136daa386eecb55cb414446a00ac2b55eb2dfd2f7c3cf8c9e",
        withheld=_GATED,
    ),
    Checkpoint(
        "sam3.1_multiplex",
        "SAM 3",
        "sam3.1_multiplex.pt",
        _HUB + "facebook/sam3.1",
        _SAM_LICENCE,
        about_mb=3500,
        sha256="0567debeec80ba4ac6369540c6c248025283cb3ff2b92827509e57e2b3541cb6",
        withheld=_GATED,
    ),
    Checkpoint(
        "matanyone2",
        "MatAnyone",
        "matanyone2.pth",
        "https://github.com/pq-yang/MatAnyone2/releases/download/v1.0.0/matanyone2.pth",
        _S_LAB,
    ),
)


def checkpoint(name: str) -> Checkpoint:
    """Return the checkpoint of a name; raises UnknownError, naming those there are."""
    for each in CHECKPOINTS:
        if each.name == name:
            return each
    names = ", ".join(each.name for each in CHECKPOINTS)
    raise UnknownError(f"There is no checkpoint '{name}': choose from {names}.")
