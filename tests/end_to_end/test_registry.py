"""Stores, channels and couriers are read from both upstreams by command, by schedule and by job; each import tells."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from stores.models import Channel, Courier, Route, Store
from tests import factories as make
from tests.end_to_end.world import World
from tracking import tasks
from tracking.enums import JobKind, RunKind
from tracking.models import Attempt, Job, Problem, Run
from tracking.services import registry
from tracking.services.registry import want_imports

BERLIN = {"key": "berlin", "name": {"de": "Berlin", "en": "Berlin"}, "roles": ["InventorySupply"]}


def imported(*projects: str) -> str:
    out = StringIO()
    call_command("import_registry", *projects, stdout=out, stderr=StringIO())
    return out.getvalue()


def run_of(subject: str) -> Run:
    return Run.objects.filter(kind=RunKind.REGISTRY, subject=subject).order_by("-pk")[0]


def test_command_tells_what_is_new_changed_and_gone_and_names_the_rules(world: World) -> None:
    world.sandbox.project(
        "demo",
        stores=[
            {"key": "at-web", "languages": ["de"], "countries": [{"code": "AT"}]},
            {"key": "de-web", "languages": ["de"]},
        ],
        channels=[BERLIN],
    )
    old = make.make_store(world.project, key="old-web")
    route = make.make_route(world.project, world.account, store=old, name="The old shop")
    out = imported("demo")
    assert out.splitlines() == [
        "commercetools:demo stores: 1 new (at-web), 1 changed (de-web), 1 gone (old-web)",
        "commercetools:demo channels: 1 new (berlin), 0 changed, 0 gone",
        f"commercetools:demo warning: store old-web is gone, and route {route} names it.",
    ]
    run = run_of("commercetools:demo")
    assert run.findings == {
        "stores": {"new": ["at-web"], "changed": ["de-web"], "gone": ["old-web"]},
        "channels": {"new": ["berlin"], "changed": [], "gone": []},
    }
    assert run.counts == {
        "stores new": 1, "stores changed": 1, "stores gone": 1, "channels new": 1, "channels changed": 0,
        "channels gone": 0,
    }  # fmt: skip
    assert run.finished_at is not None
    assert Store.objects.get(key="at-web").countries == ["AT"]
    old.refresh_from_db()
    assert old.gone_at is not None
    assert Channel.objects.get().name == {"de": "Berlin", "en": "Berlin"}


def test_command_without_names_reads_projects_and_couriers(world: World) -> None:
    make.make_courier("pigeon-post")
    out = imported()
    assert "commercetools:demo stores: 0 new, 0 changed, 0 gone" in out
    assert ", 1 gone (pigeon-post)" in out
    assert Courier.objects.get(slug="postnl-3s").required_fields == ["destination_postal_code"]
    assert Courier.objects.get(slug="dhl-germany").gone_at is None


def test_command_names_the_project_that_refuses_and_reads_the_others(world: World) -> None:
    world.project.client_secret = "wrong"
    world.project.access_token = ""
    world.project.save()
    with pytest.raises(CommandError, match=r"Not imported: commercetools:demo\."):
        imported()
    assert run_of("aftership:main").finished_at is not None
    assert Problem.objects.get(closed_at=None).subject == "commercetools:demo"


def test_command_names_the_projects_there_are(world: World) -> None:
    with pytest.raises(CommandError, match=r"There is no project nope\. Known: demo\."):
        imported("nope")


def test_each_night_everything_active_is_read_under_the_code_of_its_job(world: World) -> None:
    make.make_project(key="asleep", is_active=False)
    tasks.run_registry()
    assert set(Job.objects.values_list("kind", "upstream")) == {
        (JobKind.IMPORT_REGISTRY, "commercetools:demo"),
        (JobKind.IMPORT_COURIERS, "aftership:main"),
    }
    world.work()
    job, run = Job.objects.get(kind=JobKind.IMPORT_REGISTRY), run_of("commercetools:demo")
    assert (job.want, job.done) == (1, 1)
    assert run.correlation_id == job.correlation_id
    paths = list(Attempt.objects.filter(correlation_id=job.correlation_id).values_list("path", flat=True))
    assert [path.split("?")[0] for path in paths] == ["/stores", "/channels"]


def test_an_import_that_was_interrupted_still_tells_what_was_new_before(world: World) -> None:
    world.sandbox.project("demo", stores=[{"key": "at-web"}], channels=[BERLIN])
    interrupted = registry.begin(world.project)
    next(registry.walk(interrupted))  # the stores were kept, then the worker was killed
    assert Store.objects.filter(key="at-web").exists()
    run = registry.import_registry(world.project.pk)
    assert run.pk == interrupted.pk
    assert run.findings["stores"]["new"] == ["at-web"]
    assert run.findings["channels"]["new"] == ["berlin"]


def test_a_channel_that_only_a_rule_has_named_is_adopted_and_the_rule_holds(world: World) -> None:
    named = make.make_channel(world.project, key="berlin", commercetools_id=None)
    route = Route.objects.create(project=world.project, account=world.account, channel=named)
    world.sandbox.project("demo", channels=[BERLIN])
    want_imports([world.project])
    world.work()
    channel, route = Channel.objects.get(project=world.project), Route.objects.get(pk=route.pk)
    assert (channel.pk, channel.key, route.channel) == (named.pk, "berlin", named)
    assert channel.commercetools_id
    assert channel.imported_at is not None
    assert run_of("commercetools:demo").findings["channels"]["new"] == ["berlin"]
