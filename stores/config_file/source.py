"""A YAML file as a tree of places: every value knows its path (``routes[2].store``) and its line.

The tree is composed but never constructed, so a value is read as it was written (``off`` stays ``off``), keys that are
given twice are seen, and no tag of YAML can make anything but text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

NULL = "tag:yaml.org,2002:null"
QUOTED = re.compile(r"'[^'<]{3,}'")  # YAML's own messages quote the file, and the file may hold a secret by mistake


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong. ``line`` counts from 1; 0 and path "" mean the file as a whole."""

    line: int
    path: str
    cause: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.line and f"line {self.line}", self.path, self.cause) if part)


class ConfigFileError(Exception):
    """Everything that is wrong with a file, in the order of its lines."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = sorted(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class Wrong(ValueError):  # noqa: N818 - reads as a sentence: raise Wrong("empty")
    """A value that cannot be taken, and why. The words never contain the value of a secret."""


@dataclass
class Source:
    """The file: where it lies, and what was found wrong with it so far."""

    folder: Path
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True)
class Place:
    """One value in the file."""

    node: yaml.Node
    path: str
    line: int
    source: Source

    def wrong(self, cause: str, name: str = "") -> None:
        """Note a fault of this value, or of its key ``name``."""
        path = ".".join(part for part in (self.path, name) if part)
        self.source.faults.append(Fault(self.line_of(name), path, cause))

    @property
    def words(self) -> str:
        """``routes[2] in line 7``; ``line 7`` where it has no path."""
        return f"{self.path} in line {self.line}" if self.path else f"line {self.line}"

    def line_of(self, name: str) -> int:
        """The line of a key of this mapping; that of the mapping where it has no such key."""
        keys = [key for key, _ in self.node.value] if isinstance(self.node, yaml.MappingNode) else []
        return next((key.start_mark.line + 1 for key in keys if key.value == name), self.line)


Kind = Callable[[Place], Any]


@dataclass(frozen=True)
class Field:
    """What may stand under a key. A kind returns the value, or raises Wrong."""

    kind: Kind
    is_required: bool = False
    may_be_empty: bool = False


def open_source(path: Path) -> Place:
    """The top of the file. Raises ConfigFileError where it cannot be read, is no YAML, or is empty."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigFileError([Fault(0, "", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise ConfigFileError([Fault(0, "", "is not UTF-8 text")]) from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ConfigFileError([syntax_fault(error, text)]) from None
    except RecursionError:
        raise ConfigFileError([Fault(0, "", "is nested too deeply")]) from None
    if node is None:
        raise ConfigFileError([Fault(0, "", "is empty")])
    return Place(node, "", 1, Source(path.resolve().parent))


def syntax_fault(error: yaml.YAMLError, text: str) -> Fault:
    """Where the file stops being YAML, in words that quote nothing of it."""
    if isinstance(error, yaml.reader.ReaderError):
        return Fault(text.count("\n", 0, error.position) + 1, "", "a character that YAML does not allow")
    assert isinstance(error, yaml.MarkedYAMLError)  # noqa: S101 - the only other kind that PyYAML raises
    mark = error.problem_mark or error.context_mark
    words = QUOTED.sub("…", " ".join(part for part in (error.context, error.problem) if part))
    return Fault(mark.line + 1 if mark else 0, "", f"not valid YAML: {words}")


def read(place: Place, kind: Kind, *, may_be_empty: bool = False) -> tuple[bool, Any]:
    """Read one value: (True, value), or (False, None) with the fault noted."""
    try:
        if is_empty(place.node) and not may_be_empty:
            raise Wrong("empty; give a value, or leave the key out")
        return True, kind(place)
    except Wrong as wrong:
        place.wrong(str(wrong))
        return False, None


def is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and (node.tag == NULL or not node.value.strip())


def read_mapping(place: Place, fields: Mapping[str, Field]) -> dict[str, Any]:
    """The values of a mapping that can be taken; unknown, missing, repeated and wrong keys are noted as faults."""
    children = children_of(place)
    values = {}
    for name, child in children.items():
        if name not in fields:
            child.wrong(f"unknown key{did_you_mean(name, fields)}")
            continue
        is_good, value = read(child, fields[name].kind, may_be_empty=fields[name].may_be_empty)
        if is_good:
            values[name] = value
    for name, known in fields.items():
        if known.is_required and name not in children:
            place.wrong("missing", name)
    return values


def children_of(place: Place) -> dict[str, Place]:
    """The values of a mapping by key. Raises Wrong where it is none; a key given twice is noted, the first counts."""
    if not isinstance(place.node, yaml.MappingNode):
        raise Wrong("a mapping of keys to values is expected")
    children: dict[str, Place] = {}
    for key, node in place.node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise Wrong("keys must be plain text")
        path = f"{place.path}.{key.value}" if place.path else key.value
        child = Place(node, path, line, place.source)
        if key.value in children:
            child.wrong(f"given twice, first in line {children[key.value].line}")
        children.setdefault(key.value, child)
    return children


def items_of(place: Place) -> list[Place]:
    """The items of a list. Raises Wrong where it is none."""
    if not isinstance(place.node, yaml.SequenceNode):
        raise Wrong("a list is expected")
    return [
        Place(node, f"{place.path}[{index}]", node.start_mark.line + 1, place.source)
        for index, node in enumerate(place.node.value)
    ]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``"; did you mean routes?"``, or "" where nothing known looks like ``name``."""
    found = get_close_matches(name, list(known), n=1)
    return f"; did you mean {found[0]}?" if found else ""
