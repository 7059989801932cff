"""Secrets in the database: unreadable without the key, never given back as ciphertext, never searched."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import FieldError
from django.db import connection, models
from django.db.migrations.writer import MigrationWriter

from stores.fields import DecryptionError, EncryptedTextField, decrypt, encrypt
from stores.models import Project

OLD_KEY, NEW_KEY = "b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2w=", "bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmU="


def stored_secret(project: Project) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT client_secret FROM stores_project WHERE id = %s", [project.pk])
        return str(cursor.fetchone()[0])


@pytest.fixture
def project(db: None) -> Project:
    return Project.objects.create(
        key="demo",
        api_url="https://api.example.com",
        auth_url="https://auth.example.com",
        client_id="client",
        client_secret="swordfish",
    )


def test_value_encrypted_with_a_missing_key_raises_instead_of_giving_ciphertext(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD_KEY]
    stored = encrypt("swordfish")
    settings.FIELD_ENCRYPTION_KEYS = [NEW_KEY]
    with pytest.raises(DecryptionError, match="FIELD_ENCRYPTION_KEYS") as raised:
        decrypt(stored, "stores.Project.client_secret")
    assert str(raised.value).startswith("stores.Project.client_secret: none of the keys")
    assert stored not in str(raised.value)


def test_plain_text_in_the_column_raises_and_is_not_shown() -> None:
    with pytest.raises(DecryptionError, match="not an encrypted value") as raised:
        decrypt("swordfish")
    assert "swordfish" not in str(raised.value)


def test_a_changed_token_raises() -> None:
    stored = encrypt("swordfish")
    with pytest.raises(DecryptionError):
        decrypt(stored[:-6] + ("A" if stored[-6] != "A" else "B") + stored[-5:])


def test_first_key_encrypts_and_all_keys_decrypt(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [OLD_KEY]
    written_before = encrypt("swordfish")
    settings.FIELD_ENCRYPTION_KEYS = [NEW_KEY, OLD_KEY]
    assert decrypt(written_before) == "swordfish"
    assert Fernet(NEW_KEY).decrypt(encrypt("swordfish").removeprefix("enc1:")) == b"swordfish"


def test_equal_values_are_stored_differently() -> None:
    assert encrypt("swordfish") != encrypt("swordfish")


@pytest.mark.sqlite
def test_row_holds_the_encrypted_form_and_gives_the_plain_one(project: Project) -> None:
    assert stored_secret(project).startswith("enc1:gAAAA")
    assert "swordfish" not in stored_secret(project)
    assert Project.objects.get().client_secret == "swordfish"


@pytest.mark.sqlite
def test_update_and_bulk_update_encrypt_too(project: Project) -> None:
    Project.objects.update(client_secret="haddock")
    assert decrypt(stored_secret(project)) == "haddock"
    project.client_secret = "plaice"
    Project.objects.bulk_update([project], ["client_secret"])
    assert decrypt(stored_secret(project)) == "plaice"


def test_empty_text_stays_empty(project: Project) -> None:
    Project.objects.update(client_secret="")
    assert stored_secret(project) == ""
    assert Project.objects.get().client_secret == ""


def test_unicode_and_an_own_prefix_survive(project: Project) -> None:
    Project.objects.update(client_secret="enc1:schlüssel 🔑")
    assert Project.objects.get().client_secret == "enc1:schlüssel 🔑"


@pytest.mark.parametrize(
    "lookup", ["client_secret", "client_secret__contains", "client_secret__in", "client_secret__x"]
)
def test_lookups_are_refused(lookup: str) -> None:
    with pytest.raises(FieldError, match="client_secret is encrypted"):
        Project.objects.filter(**{lookup: "swordfish"})


def test_asking_for_null_is_allowed(project: Project) -> None:
    assert Project.objects.filter(client_secret__isnull=False).get() == project


def test_migrations_write_it_as_itself() -> None:
    field = EncryptedTextField(blank=True, default="")
    text, imports = MigrationWriter.serialize(field)
    assert text == "stores.fields.EncryptedTextField(blank=True, default='')"
    assert imports == {"import stores.fields"}
    assert isinstance(field, models.TextField)
