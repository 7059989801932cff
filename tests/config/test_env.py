"""Readers of the environment: strict, and never showing a secret."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from config import env


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TB_VALUE", "TB_VALUE_FILE"):
        monkeypatch.delenv(name, raising=False)


def boot(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Starts Django in a process of its own with only this environment."""
    base = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}
    command = [sys.executable, "manage.py", "check"]
    return subprocess.run(
        command, cwd=env.BASE_DIR, env=base | environment, capture_output=True, text=True, check=False, timeout=300
    )


def test_missing_secret_names_the_variable_and_the_command_that_makes_one() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^TB_VALUE is not set \(nor TB_VALUE_FILE\).*with: make-one$"):
        env.required_secret("TB_VALUE", "make-one")


def test_blank_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TB_VALUE", "  ")
    with pytest.raises(ImproperlyConfigured):
        env.required_secret("TB_VALUE", "make-one")


def test_unreadable_secret_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TB_VALUE_FILE", str(tmp_path / "absent"))
    with pytest.raises(ImproperlyConfigured, match=r"TB_VALUE_FILE: cannot read .*absent \(FileNotFoundError\)"):
        env.secret("TB_VALUE")


def test_secret_comes_from_its_file_without_the_line_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("sword$fish\n", encoding="utf-8")
    monkeypatch.setenv("TB_VALUE_FILE", str(tmp_path / "secret"))
    assert env.secret("TB_VALUE") == "sword$fish"


def test_variable_wins_over_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TB_VALUE_FILE", str(tmp_path / "never-read"))
    monkeypatch.setenv("TB_VALUE", "$plain")
    assert env.secret("TB_VALUE") == "$plain"


@pytest.mark.parametrize("word", ["maybe", "2"])
def test_flag_refuses_other_words(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("TB_VALUE", word)
    with pytest.raises(ImproperlyConfigured, match="TB_VALUE must be true or false"):
        env.flag("TB_VALUE")


@pytest.mark.parametrize(("word", "value"), [("True", True), ("on", True), ("1", True), ("no", False), ("", False)])
def test_flag_reads_the_usual_words(monkeypatch: pytest.MonkeyPatch, word: str, value: bool) -> None:
    monkeypatch.setenv("TB_VALUE", word)
    assert env.flag("TB_VALUE") is value


@pytest.mark.parametrize("value", ["many", "-1", "1.5", "1e3"])
def test_whole_refuses_what_is_no_count(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TB_VALUE", value)
    with pytest.raises(ImproperlyConfigured, match=f"TB_VALUE must be a whole number of zero or more, not '{value}'"):
        env.whole("TB_VALUE", 8)


@pytest.mark.parametrize("value", ["nan", "inf", "-0.1", "soon"])
def test_number_refuses_what_is_no_duration(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TB_VALUE", value)
    with pytest.raises(ImproperlyConfigured, match="TB_VALUE must be a number"):
        env.number("TB_VALUE", 1.0)


def test_numbers_are_read_or_defaulted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.number("TB_VALUE", 1.5) == 1.5
    monkeypatch.setenv("TB_VALUE", "0.25")
    assert env.number("TB_VALUE", 1.5) == 0.25


def test_comma_list_forgives_spaces_and_blanks() -> None:
    assert env.names(" a, ,b,") == ["a", "b"]


def test_fresh_file_holds_usable_secrets() -> None:
    lines = dict(line.split("=", 1) for line in env.fresh_file().splitlines())
    assert list(lines) == ["SECRET_KEY", "FIELD_ENCRYPTION_KEYS"]
    assert len(lines["SECRET_KEY"]) >= 50
    Fernet(lines["FIELD_ENCRYPTION_KEYS"])


def test_start_without_secret_key_says_what_to_do(tmp_path: Path) -> None:
    done = boot(tmp_path)
    assert done.returncode != 0
    assert "SECRET_KEY is not set" in done.stderr.splitlines()[-1]
    assert env.NEW_SECRET_KEY in done.stderr


def test_start_without_encryption_keys_says_what_to_do(tmp_path: Path) -> None:
    done = boot(tmp_path, SECRET_KEY="x" * 50)
    assert "FIELD_ENCRYPTION_KEYS is not set" in done.stderr.splitlines()[-1]
    assert env.NEW_FERNET_KEY in done.stderr


def test_two_secrets_are_enough_to_start(tmp_path: Path) -> None:
    done = boot(tmp_path, SECRET_KEY="x" * 50, FIELD_ENCRYPTION_KEYS=Fernet.generate_key().decode())
    assert (done.returncode, done.stderr) == (0, "")


def test_a_failing_check_stops_the_start_with_its_id_and_hint(tmp_path: Path) -> None:
    done = boot(tmp_path, SECRET_KEY="x" * 50, FIELD_ENCRYPTION_KEYS="not-a-key")
    assert done.returncode != 0
    assert "config.E001" in done.stderr
    assert "HINT: Make one with:" in done.stderr
    assert "not-a-key" not in done.stderr


def test_every_variable_of_the_example_is_read_by_us() -> None:
    example = (env.BASE_DIR / ".env.example").read_text(encoding="utf-8")
    named = {
        line.lstrip("#").split("=")[0] for line in example.splitlines() if "=" in line and not line.startswith("# ")
    }
    code = "".join(
        (env.BASE_DIR / "config" / name).read_text(encoding="utf-8") for name in ("settings.py", "gunicorn.py")
    )
    assert named
    assert [name for name in sorted(named) if f'"{name}"' not in code] == []
