"""A believable day of two storefronts, made with the factories: for looking at pages, not for asserting on."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.utils import timezone

from stores.models import AfterShipAccount, Project, RateBudget, Revision, Route, StatusRule, Store
from stores.revisions import Draft
from stores.rule_set import snapshot
from tests import factories as make
from tests.browser.act_data import fill_acts
from tests.browser.queue_data import fill_queues
from tests.browser.shopper_data import fill_shoppers
from tests.tracking.stories import tell_story
from tracking.enums import (
    Area,
    JobKind,
    ParcelStatus,
    ProblemKind,
    ReceiptState,
    RemapItemState,
    RunKind,
    Source,
    StaffActionKind,
)
from tracking.models import Heartbeat, Order, Parcel, Problem, Refusal, SeenCode, Tracking
from tracking.services.carrier_case import case_of
from tracking.services.doctor.findings import broken, fine, warning
from tracking.services.link import link_parcel
from tracking.services.number_forms import form_of
from tracking.services.rules import change_rules

COURIERS = {
    "dhl-germany": ("DHL Paket", "00340434{:012d}"),
    "ups": ("UPS", "1Z999AA1{:010d}"),
    "royal-mail": ("Royal Mail Tracked 24", "JD{:09d}GB"),
    "dpd-de": ("DPD", "0127{:010d}"),
}
STATES = [  # status, tag, subtag, words of the newest scan, how many steps of the way
    (ParcelStatus.PENDING, "Pending", "Pending_001", "", 0),
    (ParcelStatus.INFO_RECEIVED, "InfoReceived", "InfoReceived_001", "The shipment data was announced.", 1),
    (ParcelStatus.IN_TRANSIT, "InTransit", "InTransit_003", "The shipment was processed in the parcel centre.", 3),
    (ParcelStatus.IN_TRANSIT, "InTransit", "InTransit_003", "The shipment was processed in the parcel centre.", 3),
    (ParcelStatus.OUT_FOR_DELIVERY, "OutForDelivery", "OutForDelivery_001", "Loaded onto the delivery vehicle.", 4),
    (ParcelStatus.DELIVERED, "Delivered", "Delivered_001", "The shipment was delivered.", 5),
    (ParcelStatus.DELIVERED, "Delivered", "Delivered_001", "The shipment was delivered.", 5),
    (ParcelStatus.DELIVERED, "Delivered", "Delivered_001", "The shipment was delivered.", 5),
    (ParcelStatus.ATTEMPT_FAILED, "AttemptFail", "AttemptFail_002", "Nobody was at home; a card was left.", 4),
    (ParcelStatus.EXCEPTION, "Exception", "Exception_004", "Held by customs: the invoice is missing.", 3),
    (ParcelStatus.UNKNOWN, "Teleported", "", "Beamed up.", 2),
]
BERLIN, LONDON = ("DE", "Berlin", "10115", "de-DE"), ("GB", "London", "N1 9GU", "en-GB")


@dataclass
class World:
    """What the rows of a day stand on."""

    project: Project
    accounts: list[AfterShipAccount]
    stores: list[Store]


def fill() -> None:
    """Two stores, 40 orders, 90 parcels, and what goes wrong around them."""
    random.seed(7)
    world = connect()
    orders = [make_order(world, number) for number in range(40)]
    parcels = 0
    for number, order in enumerate(orders):
        for _ in range(min(1 + number % 4, 90 - parcels)):
            make_parcel(world, order, parcels)
            parcels += 1
    go_wrong(orders)
    codes(orders)
    tell_story()
    remap_some()
    examine()
    people()
    fill_queues(orders)
    fill_acts()
    fill_shoppers()


def connect() -> World:
    """A project, two accounts (one paused), stores, routes, couriers and mappings."""
    project = make.make_project(key="demo")
    main = make.make_account(key="main", previous_webhook_secret="before")
    outlet = make.make_account(key="outlet", pause_seconds=120, paused_until=timezone.now() + timedelta(seconds=90))
    names = {"de-web": {"de": "Acme Deutschland", "en": "Acme Germany"}, "uk-web": {"en": "Acme United Kingdom"}}
    stores = [
        make.make_store(project, key=key, name=name, languages=list(name), countries=[key[:2].upper()])
        for key, name in names.items()
    ]
    for store in stores:
        store.imported_at = timezone.now()
        store.save()
    brand = make.make_brand(key="acme", name="Acme")
    promotion = make.make_promotion(brand, headline="Fresh laces for old friends", text="Waxed, in nine colours.")
    for event, number in (("shown", 412), ("click", 31)):
        make.make_shopper_count(event=event, promotion=promotion, count=number)
    make.make_route(project, main, store=stores[0], brand=brand, notify="platform", position=10)
    everything = make.make_route(project, main, brand=brand, position=100)
    make.make_route(project, outlet, name="Alps", countries=["AT", "CH"], carriers=["DHL Paket"], position=110)
    make.make_route(project, main, direction="returns", do_not_track=True, name="Returns", position=20)
    words = snapshot(everything) | {"name": "Everything else", "promise_days": 4}
    change_rules(
        [Draft("route", everything.pk, words)], actor=None, source=Revision.Source.CONSOLE, reason="Slower in winter"
    )
    for slug, (carrier, _number) in COURIERS.items():
        make.make_carrier_mapping(make.make_courier(slug), carrier=carrier)
    make.make_courier("austrian-post", required_fields=["tracking_postal_code"])
    make.make_carrier_mapping(make.make_courier("austrian-post"), carrier="Post", project=project, store=stores[0])
    make.make_channel(project, key="wh-leipzig")
    make.make_custom_type(project)
    make.make_custom_type(project, key="erp-parcel", has_parcel_fields=False)
    for endpoint, rate in (("POST /trackings", 20), ("GET /trackings/{id}", 5), ("PUT /trackings/{id}", 5)):
        RateBudget.objects.create(account=main, endpoint=endpoint, per_second=rate)
    return World(project, [main, outlet], stores)


def make_order(world: World, number: int) -> Order:
    place = BERLIN if number % 2 == 0 else LONDON
    country, city, postal_code, locale = place
    order = make.make_order(
        world.project,
        store=world.stores[number % 2],
        order_number=f"{'DE' if number % 2 == 0 else 'UK'}-{20_400 + number}",
        destination_country=country,
        destination_city=city,
        destination_postal_code=postal_code,
        locale=locale,
        ordered_at=timezone.now() - timedelta(hours=3 * (40 - number)),
    )
    document = {
        "notificationType": "Message",
        "type": "ParcelAddedToDelivery",
        "resource": {"id": order.commercetools_id},
    }
    make.make_receipt(
        document,
        source=Source.COMMERCETOOLS,
        endpoint="demo",
        event="ParcelAddedToDelivery",
        subject=order.commercetools_id,
        outcome="the order will be read",
        correlation_id=order.correlation_id,
    )
    job = make.make_job(kind=JobKind.COLLECT, subject=str(order.pk), done=1, correlation_id=order.correlation_id)
    make.make_attempt(job, endpoint="GET /orders/{id}", method="GET", path=f"/demo/orders/{order.commercetools_id}")
    return order


def make_parcel(world: World, order: Order, number: int) -> None:
    if number % 9 == 8:
        make.make_parcel(order)
        return
    slug = random.choice(list(COURIERS))
    status, tag, subtag, words, steps = random.choice(STATES)
    carrier, pattern = COURIERS[slug]
    newest = timezone.now() - timedelta(hours=random.randint(1, 30))
    tracking = make.make_tracking(
        world.accounts[0],
        tracking_number=pattern.format(880_000 + 37 * number),
        correlation_id=order.correlation_id,
        requested_courier=slug,
        courier=slug,
        status=status,
        tag=tag,
        subtag=subtag,
        last_message=words,
        last_location="Börnicke, BB, Germany" if steps else "",
        last_checkpoint_at=f"{newest + timedelta(hours=1):%Y-%m-%dT%H:%M:%S}+01:00" if steps else "",
        updated_at=newest if steps else None,
        delivered_at=f"{newest:%Y-%m-%dT%H:%M:%S}+01:00" if status == ParcelStatus.DELIVERED else "",
    )
    for step in range(steps):
        make.make_checkpoint(tracking, step=step, at=newest - timedelta(hours=7 * (steps - step - 1)), courier=slug)
    fields = {"tb_status": status.value, "tb_tag": tag, "tb_courier": slug, "tb_tracking_id": tracking.pk}
    make.make_parcel(order, tracking, carrier=carrier, carried=fields)
    note_work(order, tracking, status)


def note_work(order: Order, tracking: Tracking, status: ParcelStatus) -> None:
    """The jobs, calls and receipts that brought a tracking to its state."""
    code = order.correlation_id
    push = make.make_job(kind=JobKind.PUSH, subject=tracking.pk, upstream="aftership:main", done=1, correlation_id=code)
    make.make_attempt(
        push,
        endpoint="POST /trackings",
        path="/tracking/2026-07/trackings",
        status=201,
        request_excerpt=f'{{"id": "{tracking.pk}", "tracking_number": "{tracking.tracking_number}"}}',
    )
    message = {"id": tracking.pk, "tag": tracking.tag, "customers": [{"name": "Erika Mustermann"}]}
    body = {"event": "tracking_update", "event_id": f"e-{tracking.pk}", "msg": message}
    make.make_receipt(
        body, subject=tracking.pk, correlation_id=code, outcome=f"pending → {status.value}; 1 new checkpoint"
    )
    if status == ParcelStatus.UNKNOWN:
        problem_of(tracking, ProblemKind.UNKNOWN_STATUS, "AfterShip says 'Teleported' (no subtag), not in our table.")


def problem_of(tracking: Tracking, kind: ProblemKind, cause: str) -> None:
    facts: dict[str, Any] = {"subject": f"tracking:{tracking.pk}", "tracking": tracking}
    make.make_problem(kind=kind, cause=cause, correlation_id=tracking.correlation_id, **facts)


def go_wrong(orders: list[Order]) -> None:
    """What fills the first page: an unmapped carrier, dead letters, a job that backs off, a broken webhook."""
    now = timezone.now()
    for order in orders[3:9:2]:
        make.make_problem(order=order)
    make.make_problem(order=orders[30], closed_at=now, closed_reason="AfterShip has taken it.")
    for order in orders[10:13]:
        job = make.make_dead_letter(
            subject=str(order.pk), correlation_id=order.correlation_id, dead_at=now - timedelta(hours=5)
        )
        make.make_attempt(
            job, status=400, outcome="refused", code="InvalidField", message="The field 'tb_eta' is not defined."
        )
        make.make_problem(
            kind=ProblemKind.DEAD_LETTER, subject=f"job:{job.pk}", job=job, correlation_id=order.correlation_id,
            cause="write_back: InvalidField: The field 'tb_eta' is not defined.",
            next_step="Mend the cause, then requeue the job.",
        )  # fmt: skip
    waiting = make.make_job(
        subject=str(orders[20].pk), attempts=4, last_error_code="503", last_error="commercetools: Service unavailable",
        next_attempt_at=now + timedelta(seconds=40), correlation_id=orders[20].correlation_id,
    )  # fmt: skip
    for wait in (1.2, 3.4, 8.1):
        make.make_attempt(
            waiting, status=503, outcome="retry", code="503", message="Service unavailable", wait_seconds=wait
        )
    make.make_receipt(body=b"{broken", state=ReceiptState.QUARANTINED, event="", outcome="not JSON: line 1 column 2")
    make.make_receipt(state=ReceiptState.PENDING, outcome="", event="", processed_at=None)
    make.make_receipt(state=ReceiptState.IGNORED, outcome="unknown event 'courier_note'", event="courier_note")
    Refusal.objects.create(source="aftership", endpoint="main", reason="signature_wrong", day=now.date(), count=17)
    Heartbeat.objects.create(name="pump", at=now)
    make_doubts(orders)
    lose_routes()
    import_anew()


@transaction.atomic
def lose_routes() -> None:
    """Parcels of a second project that no rule takes: two that share a store, one from a warehouse, one alone."""
    project = make.make_project(key="outdoor")
    make.make_route(project, AfterShipAccount.objects.get(key="outlet"), store=make.make_store(project, key="fr-web"))
    store, channel = make.make_store(project, key="it-web"), make.make_channel(project, key="wh-lyon")
    lots: list[dict[str, Any]] = [
        {"store": store, "destination_country": "IT"},
        {"store": store, "destination_country": "IT"},
        {"destination_country": "FR", "item_channels": {"li-1": [channel.commercetools_id, ""]}},
        {"destination_country": "ES"},
    ]
    for number, facts in enumerate(lots):
        order = make.make_order(project, **facts)
        parcel = make.make_parcel(order, carrier="Poste", tracking_number=f"RR{100000000 + number}IT")
        link_parcel(order, parcel)
        Problem.objects.filter(parcel=parcel).update(opened_at=timezone.now() - timedelta(minutes=55 - 17 * number))


@transaction.atomic
def import_anew() -> None:
    """A decided parcel, a store that is gone though a rule names it, and the import that found out."""
    now, demo = timezone.now(), Project.objects.get(key="demo")
    at = make.make_store(demo, key="at-web", countries=["AT"], imported_at=now - timedelta(days=9), gone_at=now)
    make.make_route(demo, AfterShipAccount.objects.get(key="main"), store=at, position=5, name="Austria")
    order = make.make_order(demo, order_number="AT-7001", store=at, destination_country="AT", locale="de-AT")
    parcel = make.make_parcel(order, carrier="DHL Paket", tracking_number="00340434777777770001")
    link_parcel(order, parcel)
    for route in Route.objects.filter(name="Austria"):
        route.save()
    findings = {
        "stores": {"new": ["uk-web"], "changed": ["de-web"], "gone": ["at-web"]},
        "channels": {"new": ["wh-leipzig", "wh-lyon"], "changed": [], "gone": []},
    }
    make.make_run(
        kind=RunKind.REGISTRY, subject="commercetools:demo", findings=findings,
        counts={"stores new": 1, "stores changed": 1, "stores gone": 1, "channels new": 2},
    )  # fmt: skip


def examine() -> None:
    """The last examination: a carrier is unmapped, the Subscription was stopped; and one that is under way."""
    well = [
        fine(Area.ADDRESS, "https://bridge.example.com is encrypted."),
        fine(Area.DATABASE, "PostgreSQL answers, and has on disk what it committed."),
        fine(Area.QUEUE, "A worker shows life."),
        warning(Area.MAIL, "Mails do not leave this machine.", "Set EMAIL_URL to your mail server."),
    ]
    stopped = "trackbridge-orders was stopped (ConfigurationErrorDeliveryStopped): messages are lost."
    unmapped = "3 of 940 parcels of the newest orders name a carrier that nothing maps: Pigeon Express (3)."
    shop = [
        fine(Area.CREDENTIALS, "Client id and secret are accepted."),
        fine(Area.SCOPES, "All that are needed, those for setting up included."),
        broken(Area.SUBSCRIPTION, stopped, "Mend the rights on the destination, then set up again."),
        warning(Area.CARRIERS, unmapped, "Map these texts at the carrier workbench."),
    ]
    found = {"trackbridge": well, "commercetools:demo": shop}
    kept = {part: [one.document() for one in findings] for part, findings in found.items()}
    facts = {"kind": RunKind.DOCTOR, "subject": "all", "parameters": {"parts": [*kept, "aftership:main"]}}
    make.make_run(**facts, findings=kept, counts={"fine": 5, "warning": 2, "broken": 1})
    make.make_run(**facts, findings={"trackbridge": kept["trackbridge"]}, finished_at=None)


def make_doubts(orders: list[Order]) -> None:
    """Carrier texts that nothing maps, in several spellings, and couriers that AfterShip corrected or nobody knows."""
    account = AfterShipAccount.objects.get(key="main")
    texts = [("DHL Packet", "dhl-germany"), ("dhl-packet", "dhl-germany"), ("Fahrradkurier Müller", "unrecognized")]
    for number, order in enumerate(orders[:24]):
        carrier, courier = texts[number % 3]
        status = ParcelStatus.PENDING if courier == "unrecognized" else ParcelStatus.IN_TRANSIT
        tracking = make.make_tracking(account, requested_courier="", courier=courier, status=status)
        parcel = make.make_parcel(order, tracking, carrier=carrier)
        if courier == "unrecognized":
            make.make_problem(subject=f"tracking:{tracking.pk}", tracking=tracking, order=order)
    make.make_number_form(form_of(tracking.tracking_number), "dhl-germany", 409)
    make.make_number_form(form_of(tracking.tracking_number), "ups", 3)
    tracking = make.make_tracking(account, requested_courier="ups")
    parcel = make.make_parcel(orders[2], tracking, carrier="UPS")
    make.make_problem(
        kind=ProblemKind.CARRIER_MISMATCH, subject=f"tracking:{tracking.pk}", tracking=tracking, order=orders[2],
        cause="We asked for ups, AfterShip tracks it with dhl-germany.", correlation_id=orders[2].correlation_id,
        evidence=case_of(tracking).evidence, proposal={"courier": "dhl-germany", "carrier": parcel.carrier},
    )  # fmt: skip


def codes(orders: list[Order]) -> None:
    """Courier codes that nobody has read yet, and one that a rule reads."""
    now = timezone.now()
    sample = Tracking.objects.filter(parcels__order=orders[1]).first()
    for courier, raw, tag, subtag, count in [
        ("dhl-germany", "EX-17", "Exception", "Exception_001", 412),
        ("dpd-de", "PARCEL_SHOP_FULL", "Exception", "Exception_001", 23),
        ("ups", "", "InTransit", "InTransit_027", 8),
        ("royal-mail", "TP", "Teleported", "Teleported_001", 1),
        ("dhl-germany", "PO", "InTransit", "InTransit_003", 9_120),
    ]:
        facts = {"courier": courier, "raw_tag": raw, "tag": tag, "subtag": subtag, "count": count, "sample": sample}
        SeenCode.objects.create(first_seen_at=now - timedelta(days=9), last_seen_at=now, **facts)
    StatusRule.objects.create(code_kind="raw", code="EX-17", status=ParcelStatus.LOST)


def remap_some() -> None:
    """One remap that is done, with a parcel left as it was, and one that is stopped half-way."""
    parcels = list(Parcel.objects.exclude(tracking=None).select_related("order").order_by("pk")[:12])
    done = make.make_remap(*parcels[:4], target={"courier": "ups", "account": "main"})
    skipped, code = RemapItemState.SKIPPED, done.correlation_id
    done.items.create(parcel=parcels[4], state=skipped, outcome="It changed since it was looked at.")
    summary = f"Remap #{done.pk}: 4 parcels to account main, courier ups."
    make.make_staff_action(
        kind=StaffActionKind.REMAP, summary=summary, remap=done, reason=done.reason, order=None, correlation_id=code
    )
    stopped = make.make_remap(*parcels[5:8], state="stopped", reason="The route was wrong since Monday.", target={})
    for parcel in parcels[8:]:
        stopped.items.create(parcel=parcel)


def people() -> None:
    User.objects.create_superuser("engineer", "engineer@example.com", "engineer")
    User.objects.create_user("agent", "agent@example.com", "agent", is_staff=True)
    Group.objects.create(name="Support")
