"""Imports point one way: analytics → tracking → stores; entry points → services → payloads, clients, models → enums.

Read from the source of every file, also of imports inside functions: so a way round the arrows does not go unseen.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
APPS = ("config", "stores", "tracking", "analytics")

# The sandbox plays the two upstreams: it stands beside the road, not on it.
ENTRY_POINTS = ("tracking.webhooks", "tracking.tasks", "tracking.admin", "tracking.management", "tracking.api")
ENTRY_POINTS += ("tracking.pages", "tracking.checks")
NETWORK = ("requests", "urllib3", "urllib.request", "http.client", "httpx", "aiohttp", "socket", "smtplib")


@cache
def modules() -> dict[str, frozenset[str]]:
    """Every module of ours, and all it imports, as full dotted names: ``from a import b`` is both a and a.b."""
    found = {}
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if is_package else parts)
            package = name if is_package else name.rpartition(".")[0]
            found[name] = frozenset(imports_of(ast.parse(path.read_text(encoding="utf-8")), package))
    return found


def imports_of(tree: ast.Module, package: str) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([node.module] if node.module else [])])
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and is_import_module(node.func):
            names |= {
                one.value for one in node.args[:1] if isinstance(one, ast.Constant) and isinstance(one.value, str)
            }
    return names


def is_import_module(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in ("import_module", "__import__", "import_string")


def is_in(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def offences(of: tuple[str, ...], targets: tuple[str, ...], *, but: tuple[str, ...] = ()) -> list[str]:
    """``module → import`` of each module below ``of`` that imports something below ``targets``."""
    return [
        f"{module} → {name}"
        for module, imported in modules().items()
        if is_in(module, of) and not is_in(module, but)
        for name in sorted(imported)
        if is_in(name, targets)
    ]


def test_the_files_were_found() -> None:
    assert {"tracking.services.pump", "stores.models", "tracking.webhooks.views", "config.settings"} <= set(modules())
    assert "requests" in modules()["tracking.clients.http"]
    assert "tracking.services.jobs" in modules()["tracking.services.pump"], "from tracking.services import jobs"


def test_stores_know_nothing_of_what_moves() -> None:
    assert offences(("stores",), ("tracking", "analytics"), but=("stores.admin",)) == []


def test_the_road_knows_nothing_of_analytics() -> None:
    assert offences(("tracking",), ("analytics",)) == []


def test_configuration_reaches_into_the_apps_only_where_machines_ask_about_them() -> None:
    allowed = ("config.health", "config.metrics", "config.urls")
    assert offences(("config",), ("stores", "tracking", "analytics"), but=allowed) == []


def test_only_one_file_imports_requests() -> None:
    assert offences(APPS, ("requests", "urllib3"), but=("tracking.clients.http",)) == []


def test_services_never_import_their_callers() -> None:
    assert offences(("tracking.services",), ENTRY_POINTS) == []


@pytest.mark.parametrize("layer", ["tracking.payloads", "tracking.clients", "tracking.models"])
def test_what_services_stand_on_never_imports_services_or_their_callers(layer: str) -> None:
    assert offences((layer,), ("tracking.services", *ENTRY_POINTS)) == []


def test_payloads_touch_neither_models_nor_network_nor_clients() -> None:
    forbidden = ("tracking.models", "tracking.clients", "stores", "django.db", "django.conf", "django.apps", *NETWORK)
    assert offences(("tracking.payloads",), forbidden) == []


def test_the_rules_for_routes_and_carriers_touch_neither_models_nor_network() -> None:
    rules = ("stores.routing", "stores.carriers")
    assert offences(rules, ("django", "stores.models", "tracking", "rest_framework", *NETWORK)) == []


def test_clients_touch_no_models() -> None:
    assert offences(("tracking.clients",), ("tracking.models", "stores", "django.apps", "tracking.payloads")) == []


def test_models_stand_on_enums_only() -> None:
    assert offences(("tracking.models",), ("tracking.payloads", "tracking.clients")) == []


def test_enums_import_nothing_of_ours_but_the_statuses_that_rules_speak() -> None:
    imports = offences(("tracking.enums",), APPS)
    assert imports
    assert {one.split(" → ")[1].removesuffix(".ParcelStatus") for one in imports} == {"stores.statuses"}
    assert offences(("stores.statuses",), APPS) == []


def test_only_admin_templates_and_settings_know_the_admins_dress() -> None:
    allowed = ("stores.admin", "tracking.admin", "analytics.admin", "config.navigation")
    assert offences(APPS, ("unfold",), but=allowed) == []


def test_the_sandbox_stands_apart() -> None:
    """It shares no code with what it tests, and nothing but the commands of demo and sandbox starts it."""
    own = ("tracking.services", "tracking.payloads", "tracking.clients", "tracking.models", "stores", "django")
    assert offences(("tracking.sandbox",), own) == []
    commands = ("tracking.management.commands.demo", "tracking.management.commands.sandbox", "tracking.sandbox")
    assert offences(APPS, ("tracking.sandbox",), but=commands) == []


def test_nothing_of_ours_imports_the_tests() -> None:
    assert offences(APPS, ("tests",)) == []
