"""Which engines there are, and which one a name means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roto_daemon.checkpoints import ModelsFolder
from roto_daemon.config import Config
from roto_daemon.engines import Engine
from roto_daemon.engines.classic import ClassicEngine
from roto_daemon.engines.cutie import cutie_engine
from roto_daemon.engines.factory import made_by
from roto_daemon.engines.sam2 import sam2_engines
from roto_daemon.errors import UnknownError

AUTO = ("sam2-base-plus", "sam2-large", "sam2-small", "sam2-tiny", "classic")
"""The engines that "auto" takes, the first that can be used; the last needs nothing and always can.

SAM 2.1 base+ stands before large: it follows nearly as well (78.2 against 79.5 J&F on SA-V, as published) at 1.6 times
the speed."""
_MEANS_AUTO = ("", "auto")


@dataclass(frozen=True)
class Choice:
    """The engine that "auto" takes."""

    engine: Engine
    why: str
    """Which engines before it cannot be used, for the person who did not choose; empty when it is the first."""


def engines(
    extra: Sequence[str] = (), models: ModelsFolder | None = None, device: str = "auto", *, compiled: bool = False
) -> dict[str, Engine]:
    """Return every engine by its name, those that cannot be used now included.

    Each `extra` is a `module:factory` that makes one more; `models` is where weights lie, by default this user's
    folder; `device` and `compiled` are the settings. Raises ConfigError for an extra that names no factory of an
    engine.
    """
    models = models or ModelsFolder.of(Config())
    every: list[Engine] = [
        ClassicEngine(),
        *sam2_engines(models, device, compiled=compiled),
        cutie_engine(models, ClassicEngine(), device),
        *(made_by(each, "an engine") for each in extra),
    ]
    return {engine.info.name: engine for engine in every}


def choose(known: Mapping[str, Engine], order: Sequence[str] = AUTO) -> Choice:
    """Return the first engine of `order` that is known and can be used; its last one whatever happens."""
    *better, last = [known[name] for name in order if name in known]
    passed_over: list[str] = []
    for engine in better:
        if not engine.info.unavailable:
            break
        passed_over.append(engine.info.name)
    else:
        engine = last
    why = f"{', '.join(passed_over)} cannot be used here" if passed_over else ""
    return Choice(engine, why)


def find(name: str, known: Mapping[str, Engine] | None = None) -> Engine:
    """Return the engine of a name among `known`, or else among those built in; "" and "auto" leave the choice to us.

    Raises UnknownError, naming the engines there are.
    """
    there = engines() if known is None else known
    if name in _MEANS_AUTO:
        return choose(there).engine
    engine = there.get(name)
    if engine is None:
        raise UnknownError(f"there is no engine '{name}': choose one of {', '.join(sorted(there))}")
    return engine
