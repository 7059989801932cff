"""New rules give parcels that wait for one another look, and nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.utils import timezone

from stores.models import AfterShipAccount, CarrierMapping, Courier, Project, Route
from tests.stores.config_files import DESIGN, SECRETS, ConfigFile, replaced
from tracking.enums import JobKind, ProblemKind
from tracking.models import Job, Order, Parcel, Problem, Tracking
from tracking.services.problems import close_problems, open_problem
from tracking.services.reapply import reapply_rules

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ConfigFile:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return ConfigFile(tmp_path)


@pytest.fixture
def project(config: ConfigFile) -> Project:
    config.apply(DESIGN)
    Job.objects.all().delete()
    return Project.objects.get()


def make_parcel(project: Project, number: str) -> Parcel:
    order = Order.objects.create(
        project=project, commercetools_id=f"order-{number}", order_number=number, correlation_id=f"K7MQ-{number}"
    )
    return Parcel.objects.create(order=order, commercetools_id=f"parcel-{number}", delivery_id="d1")


def wait(parcel: Parcel, kind: ProblemKind = ProblemKind.UNROUTED) -> Problem:
    return open_problem(kind, parcel, "No route.", correlation_id=parcel.order.correlation_id)


def wishes() -> list[tuple[str, str, str, str]]:
    return list(Job.objects.order_by("subject").values_list("kind", "subject", "upstream", "correlation_id"))


def collect(parcel: Parcel) -> tuple[str, str, str, str]:
    order = parcel.order
    return (JobKind.COLLECT, str(order.pk), f"commercetools:{order.project.key}", order.correlation_id)


WAITING = {ProblemKind.UNROUTED, ProblemKind.UNMAPPED_CARRIER, ProblemKind.MISSING_FIELD}


@pytest.mark.parametrize("kind", sorted(set(ProblemKind) - WAITING))
def test_other_problems_are_left_alone(project: Project, kind: ProblemKind) -> None:
    wait(make_parcel(project, "1001"), kind)
    assert reapply_rules([project]) == 0
    assert wishes() == []


def test_closed_problem_is_left_alone(project: Project) -> None:
    parcel = make_parcel(project, "1001")
    wait(parcel)
    close_problems([ProblemKind.UNROUTED], parcel, "Routed.")
    assert reapply_rules([project]) == 0


def test_deleted_order_is_left_alone(project: Project) -> None:
    parcel = make_parcel(project, "1001")
    wait(parcel)
    Order.objects.update(deleted_at=timezone.now())
    assert reapply_rules([project]) == 0


def test_removed_parcel_of_an_unrecognised_tracking_is_left_alone(project: Project) -> None:
    parcel = make_parcel(project, "1001")
    wait_for_courier(parcel)
    Parcel.objects.update(removed_at=timezone.now())
    assert reapply_rules([project]) == 0


def test_other_projects_are_left_alone(project: Project) -> None:
    other = Project.objects.create(
        key="shop", api_url="https://a.example.com", auth_url="https://b.example.com", client_id="i", client_secret="s"
    )
    wait(make_parcel(other, "1001"))
    assert reapply_rules([project]) == 0


def wait_for_courier(parcel: Parcel) -> None:
    """The problem is about the tracking, and leads to no order by itself."""
    parcel.tracking = Tracking.objects.create(
        account=AfterShipAccount.objects.get(), tracking_number=f"N{parcel.pk}", correlation_id="K7MQ-2XRT"
    )
    parcel.save()
    open_problem(ProblemKind.UNMAPPED_CARRIER, parcel.tracking, "Who?", correlation_id="K7MQ-2XRT")


def test_order_of_an_unrouted_parcel_is_read_again(project: Project) -> None:
    parcel = make_parcel(project, "1001")
    wait(parcel)
    assert reapply_rules([project]) == 1
    assert wishes() == [collect(parcel)]


def test_order_of_an_unrecognised_tracking_is_read_again(project: Project) -> None:
    parcel = make_parcel(project, "1001")
    wait_for_courier(parcel)
    assert reapply_rules([project]) == 1
    assert wishes() == [collect(parcel)]


@pytest.mark.parametrize("kind", sorted(WAITING))
def test_order_that_waits_for_a_rule_is_read_again(project: Project, kind: ProblemKind) -> None:
    parcel = make_parcel(project, "1001")
    wait(parcel, kind)
    assert reapply_rules([project]) == 1
    assert wishes() == [collect(parcel)]


def test_order_with_several_waiting_parcels_is_read_once(project: Project) -> None:
    parcel = make_parcel(project, "1001")
    wait(parcel)
    wait_for_courier(parcel)
    wait(Parcel.objects.create(order=parcel.order, commercetools_id="second", delivery_id="d1"))
    assert reapply_rules([project]) == 1
    assert reapply_rules([project]) == 1
    assert Job.objects.get().want == 2


def test_new_route_in_the_file_lets_waiting_parcels_be_tried_again(config: ConfigFile, project: Project) -> None:
    parcel = make_parcel(project, "1001")
    wait(parcel)
    text = replaced(
        DESIGN, ("carrier_mappings:", "  - {project: demo, store: at-web, account: main}\ncarrier_mappings:")
    )
    config.apply(text, "--plan")
    assert wishes() == []
    config.apply(text)
    assert wishes() == [collect(parcel)]
    assert Route.objects.count() == 3


def test_mapping_for_everybody_concerns_every_project(config: ConfigFile, project: Project) -> None:
    other = Project.objects.create(
        key="shop", api_url="https://a.example.com", auth_url="https://b.example.com", client_id="i", client_secret="s"
    )
    parcels = [make_parcel(project, "1001"), make_parcel(other, "1002")]
    for parcel in parcels:
        wait(parcel, ProblemKind.UNMAPPED_CARRIER)
    config.apply(DESIGN + "  - {carrier: UPS, courier: ups}\n")
    assert wishes() == [collect(parcel) for parcel in parcels]
    assert CarrierMapping.objects.get(carrier="UPS").courier == Courier.objects.get(slug="ups")


def test_mapping_of_one_project_concerns_only_that(config: ConfigFile, project: Project) -> None:
    other = Project.objects.create(
        key="shop", api_url="https://a.example.com", auth_url="https://b.example.com", client_id="i", client_secret="s"
    )
    parcels = [make_parcel(project, "1001"), make_parcel(other, "1002")]
    for parcel in parcels:
        wait(parcel, ProblemKind.UNMAPPED_CARRIER)
    config.apply(DESIGN + "  - {carrier: UPS, courier: ups, project: demo}\n")
    assert wishes() == [collect(parcels[0])]


def test_change_without_rules_wishes_for_nothing(config: ConfigFile, project: Project) -> None:
    wait(make_parcel(project, "1001"))
    config.apply(replaced(DESIGN, ("name: Acme", "name: Acme Ltd")))
    assert wishes() == []
