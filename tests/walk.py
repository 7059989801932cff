"""Every address that there is, read from the resolver, not from a list that somebody has to keep."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.urls import URLPattern, URLResolver, get_resolver, resolve
from django.urls.exceptions import Resolver404

PARAMETER = re.compile(r"<(?:(?P<kind>\w+):)?(?P<name>\w+)>|\(\?P<(?P<regex>\w+)>[^)]*\)")


@dataclass(frozen=True)
class Address:
    """One pattern of the resolver: its path with parameters in brackets, and the name it is reversed by."""

    path: str
    name: str

    @property
    def parameters(self) -> list[str]:
        return [found["name"] or found["regex"] for found in PARAMETER.finditer(self.path)]

    def filled(self, **values: object) -> str:
        """The path with these values for its parameters."""
        given = PARAMETER.sub(lambda found: str(values[found["name"] or found["regex"]]), self.path)
        return "/" + given.replace("^", "").removesuffix("$").removesuffix("\\Z")


def addresses(prefix: str = "") -> list[Address]:
    """Every address whose path starts with ``prefix``."""
    return [one for one in below(get_resolver(), "", "") if one.path.startswith(prefix)]


def below(resolver: URLResolver, path: str, namespace: str) -> Iterator[Address]:
    for one in resolver.url_patterns:
        here = path + str(one.pattern)
        if isinstance(one, URLPattern):
            yield Address(here, ":".join(filter(None, (namespace, one.name or ""))) or here)
        else:
            yield from below(one, here, ":".join(filter(None, (namespace, one.namespace or ""))))


def name_of(path: str) -> str:
    """The name of the address that answers for a path; "" for none."""
    try:
        return resolve(urlsplit(path).path).view_name
    except Resolver404:
        return ""
