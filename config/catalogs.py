"""The shoppers' sentences as gettext catalogs: found in the sources, merged into ``locale/``, compiled.

    python -m config.catalogs            (make messages) update every catalog, and say what is left to translate
    python -m config.catalogs fi         the same, and begin a new language

Pure Python (Babel): no gettext programs are needed. Only sources that shoppers read are searched; the console speaks
English. Catalogs carry no dates and no line numbers, so an update changes what changed.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract as extract_from
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "locale"
SOURCES = ("tracking/words", "tracking/notifications", "tracking/pages", "templates/shopper")
KEYWORDS = {"_": None, "gettext": None, "gettext_lazy": None, "gettext_noop": None, "ngettext": (1, 2)}
KEYWORDS |= {"ngettext_lazy": (1, 2), "pgettext": ((1, "c"), 2), "pgettext_lazy": ((1, "c"), 2)}
KEYWORDS |= {"npgettext": ((1, "c"), 2, 3)}
TIMELESS = datetime(2026, 1, 1, tzinfo=UTC)
WIDTH = 110


def source_files() -> Iterator[Path]:
    """Every file with sentences for shoppers, always in the same order."""
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".html", ".txt"):
                yield path


def python_of(path: Path) -> bytes:
    """The file as Python: of a template the calls that its tags amount to, without what indents them."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        text = re.sub(r"(?m)^[ \t]+", "", templatize(text, origin=str(path)))
    return text.encode()


def extracted() -> Catalog:
    """Every sentence of the sources, each with the files that say it."""
    found = Catalog(charset="utf-8")
    for path in source_files():
        name = path.relative_to(ROOT).as_posix()
        for _, message, comments, context in extract_from(
            "python", io.BytesIO(python_of(path)), KEYWORDS, ["Translators:"], {"encoding": "utf-8"}
        ):
            found.add(message, None, [(name, 0)], auto_comments=comments, context=context)
    return found


def po_path(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES" / "django.po"


def languages() -> list[str]:
    """The languages that have a catalog."""
    return sorted(path.parts[-3] for path in LOCALE.glob("*/LC_MESSAGES/django.po"))


def read(language: str) -> Catalog:
    """The catalog as it lies there; an empty one where there is none."""
    path = po_path(language)
    if not path.exists():
        return Catalog(locale=language, charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def merged(language: str) -> Catalog:
    """The catalog with the sentences of today: new ones empty, old ones gone, none guessed from a similar one."""
    catalog = read(language)
    catalog.update(extracted(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    catalog.fuzzy = False
    catalog.header_comment = "# What shoppers read. make messages keeps this file in step with the sources."
    catalog.project, catalog.version, catalog.msgid_bugs_address = "Trackbridge", "1", ""
    catalog.creation_date = catalog.revision_date = TIMELESS
    catalog.last_translator = catalog.language_team = ""
    return catalog


def as_po(catalog: Catalog) -> bytes:
    file = io.BytesIO()
    write_po(file, catalog, width=WIDTH, include_lineno=False, ignore_obsolete=True)
    return re.sub(
        rb'(?m)^"(Last-Translator|Language-Team|Generated-By|Report-Msgid-Bugs-To):.*\n', b"", file.getvalue()
    )


def as_mo(catalog: Catalog) -> bytes:
    file = io.BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def update(language: str) -> list[str]:
    """Write the catalog and its compiled form; returns the sentences that are still to be translated."""
    path = po_path(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(as_po(merged(language)))
    catalog = read(language)
    path.with_suffix(".mo").write_bytes(as_mo(catalog))
    return missing(catalog)


def missing(catalog: Catalog) -> list[str]:
    """Sentences without words in this language, or without one for each of its numbers."""
    return [first(message.id) for message in catalog if message.id and not is_translated(message, catalog.num_plurals)]


def is_translated(message: object, plurals: int) -> bool:
    texts = message.string if isinstance(message.string, tuple) else (message.string,)  # type: ignore[attr-defined]
    return all(texts) and len(texts) == (plurals if message.pluralizable else 1)  # type: ignore[attr-defined]


def first(message: str | tuple[str, ...]) -> str:
    return message[0] if isinstance(message, tuple) else message


def main(begun: list[str]) -> int:
    """0 where every sentence is translated; else 1, with what is missing."""
    status = 0
    for language in sorted({*languages(), *begun}):
        left = update(language)
        status = status or bool(left)
        sys.stdout.write(f"{language}: {'complete' if not left else f'{len(left)} to translate'}\n")
        sys.stdout.writelines(f"  {sentence}\n" for sentence in left)
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
