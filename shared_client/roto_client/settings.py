"""Settings of the client, those of this user: one small file, for what need not be said each time."""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Optional

from roto_client.errors import BadInputError

TOKEN_VARIABLE = "ROTO_TOKEN"  # noqa: S105 - a name and no secret
_SETTINGS_FILE = "client.ini"
_SECTION = "client"
_PLACES = {"darwin": "Library/Application Support/Rotolink", "win32": "AppData/Roaming/Rotolink"}


def user_folder() -> Path:
    """Return where the client keeps what belongs to this user, whether or not it is there."""
    home = os.environ.get("XDG_CONFIG_HOME") if sys.platform not in _PLACES else None
    return Path(home) / "rotolink" if home else Path.home() / _PLACES.get(sys.platform, ".config/rotolink")


def settings_file() -> Path:
    """Return where this user's settings of the client lie, whether or not they do."""
    return user_folder() / _SETTINGS_FILE


def read_settings(file: Optional[Path] = None) -> Mapping[str, str]:
    """Return the section `[client]` of the settings, empty when there is no such file.

    `daemon` is the address to use, `token` the access token for it, `program` the command that starts a
    daemon. Raises BadInputError for a file that cannot be read.
    """
    path = file or settings_file()
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        said = " ".join(str(error).split())
        raise BadInputError(f"The settings file {path} cannot be read: {said}. Repair or remove it.") from error
    return dict(parser[_SECTION]) if parser.has_section(_SECTION) else {}


def access_token() -> str:
    """Return the token for the daemon, by the variable ROTO_TOKEN, else the settings; empty where there is none.

    Raises BadInputError for settings that cannot be read, and for a token that no daemon made.
    """
    token = (os.environ.get(TOKEN_VARIABLE) or read_settings().get("token", "")).strip()
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise BadInputError(f"The access token in {TOKEN_VARIABLE} or {settings_file()} is none: copy it again, whole.")
    return token
