"""Secrets in the database: text that is encrypted on its way in and decrypted on its way out.

The keys are FIELD_ENCRYPTION_KEYS (Fernet keys), not SECRET_KEY: the first encrypts, all decrypt. To change a key, put
the new one in front, save every row once, take the old one away. Stored form: ``enc1:`` and the Fernet token.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import FieldError
from django.db import models

PREFIX = "enc1:"


class DecryptionError(Exception):
    """A stored secret cannot be read with the keys in FIELD_ENCRYPTION_KEYS."""


@lru_cache(maxsize=8)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(plain: str) -> str:
    """The stored form of ``plain``, made with the first key; different every time. Empty text stays empty."""
    if not plain:
        return ""
    return PREFIX + _cipher(tuple(settings.FIELD_ENCRYPTION_KEYS)).encrypt(plain.encode()).decode()


def decrypt(stored: str, where: str = "value") -> str:
    """The plain text of a stored form. Raises DecryptionError, naming ``where``, rather than give back ciphertext."""
    if not stored:
        return ""
    if not stored.startswith(PREFIX):
        raise DecryptionError(f"{where}: not an encrypted value (it lacks the prefix {PREFIX}).")
    try:
        return _cipher(tuple(settings.FIELD_ENCRYPTION_KEYS)).decrypt(stored.removeprefix(PREFIX).encode()).decode()
    except InvalidToken:
        raise DecryptionError(
            f"{where}: none of the keys in FIELD_ENCRYPTION_KEYS can decrypt it. Add the key it was written with."
        ) from None


class EncryptedTextField(models.TextField):
    """A TextField whose stored form is encrypted. Can be asked only whether it is null: equal texts look different."""

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        prepared = super().get_db_prep_save(value, connection)
        return encrypt(prepared) if isinstance(prepared, str) else prepared

    def from_db_value(self, value: str | None, _expression: Any, _connection: Any) -> str | None:
        return None if value is None else decrypt(value, f"{self.model._meta.label}.{self.name}")

    def get_lookup(self, lookup_name: str) -> Any:
        """Raises FieldError for any lookup but ``isnull``."""
        if lookup_name != "isnull":
            raise FieldError(f"{self.name} is encrypted and cannot be looked up by {lookup_name!r}.")
        return super().get_lookup(lookup_name)

    def get_transform(self, lookup_name: str) -> Any:
        """Raises FieldError: no part of an encrypted value means anything."""
        raise FieldError(f"{self.name} is encrypted and has no {lookup_name!r}.")
