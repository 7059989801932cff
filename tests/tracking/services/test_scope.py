"""Whoever is limited to stores sees what belongs to their orders, and nothing else."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.db.models import ProtectedError

from stores.models import AfterShipAccount, CarrierMapping, Route, Store
from tests import factories as make
from tracking.admin.display import person
from tracking.enums import ProblemKind, Source
from tracking.models import (
    Attempt,
    Checkpoint,
    Job,
    Order,
    Parcel,
    Problem,
    Receipt,
    Remap,
    StaffAction,
    StoreLimit,
    Tracking,
    Write,
)
from tracking.services.scope import RULES, may_see_people, sees, store_ids_of, visible

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture
def here() -> Store:
    return make.make_store()


@pytest.fixture
def there(here: Store) -> Store:
    return make.make_store(here.project)


@pytest.fixture
def agent(here: Store) -> User:
    user = User.objects.create_user("anna", is_staff=True)
    StoreLimit.objects.create(user=user, store=here)
    return user


def order_of(store: Store | None, **facts: object) -> Order:
    return make.make_order(store.project if store else None, store=store, **facts)


def test_without_a_limit_everything_is_seen(there: Store) -> None:
    user = User.objects.create_user("olaf", is_staff=True)
    order = order_of(there)
    assert store_ids_of(user) is None
    assert list(visible(user, Order.objects.all())) == [order]


def test_a_superuser_has_no_limit(here: Store, there: Store) -> None:
    boss = User.objects.create_superuser("boss")
    StoreLimit.objects.create(user=boss, store=here)
    order = order_of(there)
    assert list(visible(boss, Order.objects.all())) == [order]


def test_whoever_is_not_logged_in_sees_nothing(here: Store) -> None:
    order_of(here)
    assert not visible(AnonymousUser(), Order.objects.all()).exists()


def test_orders_of_other_stores_and_of_none_are_not_seen(agent: User, here: Store, there: Store) -> None:
    own = order_of(here)
    order_of(there)
    order_of(None)
    assert list(visible(agent, Order.objects.all())) == [own]
    assert sees(agent, own)
    assert not sees(agent, Order.objects.get(store=there))
    assert not sees(agent, None)


def story(store: Store | None) -> list[object]:
    """An order with one row of each kind that tells of it."""
    order = order_of(store)
    tracking = make.make_tracking(correlation_id=order.correlation_id)
    parcel = make.make_parcel(order, tracking)
    job = make.make_job(correlation_id=order.correlation_id)
    return [
        order,
        parcel,
        tracking,
        make.make_checkpoint(tracking),
        job,
        make.make_attempt(job),
        make.make_receipt(correlation_id=order.correlation_id, source=Source.COMMERCETOOLS),
        make.make_write(order),
        make.make_problem(order=order, parcel=parcel),
        make.make_staff_action(order=order),
        make.make_remap(parcel),
    ]


def test_every_row_of_a_story_follows_its_order(agent: User, here: Store, there: Store) -> None:
    own = story(here)
    story(there)
    story(None)
    for row in own:
        assert list(visible(agent, type(row).objects.all())) == [row], type(row)
    assert {type(row) for row in own} == {
        Order, Parcel, Tracking, Checkpoint, Job, Attempt, Receipt, Write, Problem, StaffAction, Remap
    }  # fmt: skip


def test_rows_of_no_order_are_not_seen(agent: User, here: Store) -> None:
    make.make_receipt()
    make.make_attempt(make.make_job())
    make.make_problem(subject="account:main", kind=ProblemKind.UPSTREAM_DOWN)
    make.make_staff_action(order=None)
    make.make_tracking()
    for model in (Receipt, Job, Attempt, Problem, StaffAction, Tracking):
        assert not visible(agent, model.objects.all()).exists(), model


def test_one_box_for_two_orders_is_seen_but_not_the_other_order(agent: User, here: Store, there: Store) -> None:
    first, second = order_of(there), order_of(here)
    tracking = make.make_tracking(correlation_id=first.correlation_id)
    account = tracking.account
    make.make_parcel(first, tracking)
    own = make.make_parcel(second, tracking)
    news = make.make_receipt(endpoint=account.key, subject=tracking.aftership_id, correlation_id=first.correlation_id)
    make.make_receipt(source=Source.COMMERCETOOLS, correlation_id=first.correlation_id)
    problem = make.make_problem(subject=f"tracking:{tracking.pk}", tracking=tracking)
    assert list(visible(agent, Tracking.objects.all())) == [tracking]
    assert list(visible(agent, Receipt.objects.all())) == [news]
    assert list(visible(agent, Problem.objects.all())) == [problem]
    assert list(visible(agent, Parcel.objects.all())) == [own]
    assert list(visible(agent, Order.objects.all())) == [second]


def test_a_number_at_another_account_brings_no_receipt(agent: User, here: Store) -> None:
    tracking = make.make_tracking(aftership_id="same")
    make.make_parcel(order_of(here), tracking)
    make.make_receipt(endpoint="another", subject="same")
    assert not visible(agent, Receipt.objects.all()).exists()


def test_a_remap_that_also_moved_foreign_parcels_is_not_seen(agent: User, here: Store, there: Store) -> None:
    make.make_remap(make.make_parcel(order_of(here)), make.make_parcel(order_of(there)))
    make.make_remap(make.make_parcel(order_of(here)), make.make_parcel(order_of(None)))
    assert not visible(agent, Remap.objects.all()).exists()


def test_rules_are_seen_as_far_as_they_decide_about_own_orders(agent: User, here: Store, there: Store) -> None:
    own = make.make_route(here.project, store=here)
    wide = make.make_route(here.project, is_default=True)
    foreign = make.make_route(there.project, store=there)
    elsewhere = make.make_route()
    assert set(visible(agent, Route.objects.all())) == {own, wide}
    accounts = visible(agent, AfterShipAccount.objects.all())
    assert set(accounts) == {own.account, wide.account}
    assert foreign.account not in accounts
    assert elsewhere.account not in accounts
    everywhere = make.make_carrier_mapping()
    make.make_carrier_mapping(project=there.project, store=there)
    assert list(visible(agent, CarrierMapping.objects.all())) == [everywhere]
    assert list(visible(agent, Store.objects.all())) == [here]


def test_a_store_that_somebody_is_limited_to_is_not_deleted(agent: User, here: Store) -> None:
    with pytest.raises(ProtectedError):
        here.delete()


def test_every_model_has_a_rule() -> None:
    """Without one its rows are not seen by limited people: say in RULES which order or store they belong to."""
    ours = {model._meta.label for app in ("stores", "tracking") for model in apps.get_app_config(app).get_models()}
    assert ours - set(RULES) == set()


def test_people_are_masked_for_who_may_not_see_them(agent: User) -> None:
    assert not may_see_people(agent)
    assert person(agent, "ella@example.com") == "e•••@example.com"
    assert person(agent, "Berlin") == "B•••"
    assert person(agent, "") == ""
    agent.user_permissions.add(Permission.objects.get(codename="see_people"))
    assert person(User.objects.get(pk=agent.pk), "ella@example.com") == "ella@example.com"
