"""What the environment says, read once and read strictly.

A `.env` file in the project root is read if there is one; the real environment wins over it. `ENV_FILE` names another
file. Every reader names the variable in its complaint, so that a wrong deployment says at once what to change.

`python -m config.env` prints a fresh file with new secrets.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
NEW_SECRET_KEY = "python -c 'import secrets; print(secrets.token_urlsafe(50))'"  # noqa: S105 - a command
NEW_FERNET_KEY = "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"

environ.Env.read_env(BASE_DIR / os.environ.get("ENV_FILE", ".env"))


def text(name: str, default: str = "") -> str:
    """The variable's value without surrounding white space; ``default`` where it is unset or blank."""
    return os.environ.get(name, "").strip() or default


def secret(name: str, default: str = "") -> str:
    """Like `text`, and where the variable is unset, the contents of the file that ``{name}_FILE`` names.

    Raises ImproperlyConfigured where that file cannot be read. Never shows the value.
    """
    value = text(name)
    path = text(f"{name}_FILE")
    if value or not path:
        return value or default
    try:
        return Path(path).read_text(encoding="utf-8").strip() or default
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{name}_FILE: cannot read {path} ({type(error).__name__}).") from None


def required_secret(name: str, command: str) -> str:
    """Like `secret`, but raises ImproperlyConfigured with the ``command`` that makes a value where there is none."""
    value = secret(name)
    if not value:
        raise ImproperlyConfigured(f"{name} is not set (nor {name}_FILE). Make a value with: {command}")
    return value


def flag(name: str, default: bool = False) -> bool:
    """True for 1, true, yes, on; False for 0, false, no, off; raises ImproperlyConfigured for other words."""
    value = text(name).lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    if value:
        raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")
    return default


def number(name: str, default: float) -> float:
    """A number of zero or more; whole where ``default`` is whole. Raises ImproperlyConfigured for anything else."""
    value = text(name)
    if not value:
        return default
    try:
        result = type(default)(value)
    except ValueError:
        result = -1
    if not 0 <= result < float("inf"):
        kind = "whole number" if isinstance(default, int) else "number"
        raise ImproperlyConfigured(f"{name} must be a {kind} of zero or more, not {value!r}.")
    return result


def whole(name: str, default: int) -> int:
    """A whole number of zero or more, as `number`."""
    return int(number(name, default))


def names(value: str) -> list[str]:
    """The parts of a comma list, without blanks."""
    return [part.strip() for part in value.split(",") if part.strip()]


def names_after(prefix: str) -> list[str]:
    """What follows ``prefix`` in the names of all variables that are set, with ``_FILE`` taken off, sorted."""
    found = {name.removeprefix(prefix).removesuffix("_FILE") for name in os.environ if name.startswith(prefix)}
    return sorted(name for name in found if name and name.isupper())


def fresh_file() -> str:
    """The text of a `.env` file with new secrets, enough to start on this machine."""
    return f"SECRET_KEY={secrets.token_urlsafe(50)}\nFIELD_ENCRYPTION_KEYS={Fernet.generate_key().decode()}\n"


if __name__ == "__main__":
    sys.stdout.write(fresh_file())
