"""Which licences a studio allows: the settings, and a file beside the models; the stricter of the two wins."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roto_daemon.checkpoints.table import Commercial, Terms
from roto_daemon.errors import ConfigError

COMMERCIAL, RESEARCH = "commercial", "research"
POLICY_FILE = "policy.toml"
_KEYS = {"policy": str, "forbid_licences": list}


@dataclass(frozen=True)
class Policy:
    """What weights are used for, and licences that are not wanted. Raises ConfigError for another use."""

    use: str = COMMERCIAL
    forbidden: tuple[str, ...] = ()
    """Licences by their SPDX names, in any case of letters."""
    place: str = "setting policy"
    """Where the use is set, for the sentence that says how to change it."""

    def __post_init__(self) -> None:
        if self.use not in {COMMERCIAL, RESEARCH}:
            raise ConfigError(f'{self.place}: policy = "{self.use}": write "{COMMERCIAL}" or "{RESEARCH}".')

    def objection(self, terms: Terms) -> str:
        """Return why weights under these terms must not be used, and what would allow it; empty when they may."""
        unwanted = terms.licences & {each.lower() for each in self.forbidden}
        if unwanted:
            names = ", ".join(each for each in self.forbidden if each.lower() in unwanted)
            return f"the policy forbids the licence {names} (forbid_licences)"
        if terms.commercial is Commercial.NO and self.use == COMMERCIAL:
            return (
                f"the policy is for commercial work and these weights are not ({terms.because.rstrip('.')}). "
                f'For research set policy = "{RESEARCH}" ({self.place})'
            )
        return ""


def read_policy(folder: Path, use: str, forbidden: Iterable[str]) -> Policy:
    """Return the policy of the settings and of `policy.toml` in the models folder together.

    The file may only add to what the settings forbid. Raises ConfigError for a file that cannot be read or says what
    a policy does not know: a slip of the pen must not allow anything.
    """
    file = folder / POLICY_FILE
    told = _read(file)
    both = tuple(dict.fromkeys([*forbidden, *told.get("forbid_licences", [])]))
    of_settings = Policy(use, both)
    of_file = Policy(told.get("policy", use), both, str(file))
    return of_file if of_file.use == COMMERCIAL and "policy" in told else of_settings


def _read(file: Path) -> dict[str, Any]:
    try:
        told = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"The policy {file} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The policy {file} is not TOML: {error}.") from error
    for key, value in told.items():
        if key not in _KEYS:
            raise ConfigError(f"The policy {file} knows no '{key}': write {' or '.join(_KEYS)}.")
        if not isinstance(value, _KEYS[key]) or (key == "forbid_licences" and not _is_text(value)):
            raise ConfigError(
                f"The policy {file}: {key} = {value!r}: give {'text' if key == 'policy' else 'a list of texts'}."
            )
    return told


def _is_text(values: list[Any]) -> bool:
    return all(isinstance(each, str) for each in values)
