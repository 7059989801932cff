"""Carrier mappings as CSV in the console: who may, what is refused, what is shown, and that exactly this is saved."""

from __future__ import annotations

import html
import re
import threading
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from stores import mappings_csv
from stores.models import CarrierMapping, Origin, Project, Revision
from tests import factories as make
from tests.plugin import IS_SQLITE
from tests.tracking.admin.conftest import client_of
from tracking import tasks
from tracking.admin import mappings_csv as pages
from tracking.enums import JobKind, ProblemKind
from tracking.models import Job, Remap, StaffAction

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
EXPORT, IMPORT = "/admin/stores/carriermapping/export-csv/", "/admin/stores/carriermapping/import-csv/"
LIST = "/admin/stores/carriermapping/"
HEAD = "carrier,courier,project,store,channel,extra_fields\n"


@pytest.fixture(autouse=True)
def kicks(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Wake-ups of workers."""
    found: list[bool] = []
    monkeypatch.setattr(tasks, "kick", lambda: found.append(True))
    return found


@pytest.fixture
def demo(db: None) -> Project:
    project = make.make_project(key="demo")
    make.make_store(project, key="de-web")
    for slug in ("dhl-germany", "austrian-post"):
        make.make_courier(slug)
    make.make_route(project)
    return project


@pytest.fixture
def editor(viewer: User) -> User:
    names = ["add_carriermapping", "change_carriermapping"]
    viewer.user_permissions.add(*Permission.objects.filter(codename__in=names))
    return User.objects.get(pk=viewer.pk)


@pytest.fixture
def editor_client(editor: User) -> Client:
    return client_of(editor)


def upload(client: Client, text: str | bytes, **more: Any) -> Any:
    """What the page shows of a file."""
    body = text.encode() if isinstance(text, str) else text
    return client.post(IMPORT, {"file": SimpleUploadedFile("mappings.csv", body)} | more)


def hidden(response: Any) -> dict[str, str]:
    """What the preview's form sends back, as a browser does: line ends become CRLF."""
    found = re.findall(r'<input type="hidden" name="(csv|seen)" value="([^"]*)"', response.content.decode())
    return {name: re.sub(r"\r\n|\r|\n", "\r\n", html.unescape(value)) for name, value in found}


def text_of(response: Any) -> str:
    """A page as it is read."""
    main = response.content.decode().partition('id="content-main"')[2]
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main)))


# ── who may ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_who_may_only_look_exports_but_does_not_import(demo: Project, client: Client, viewer_client: Client) -> None:
    assert client.get(EXPORT).headers["Location"].startswith("/admin/login/")
    outsider = client_of(User.objects.create_user("outsider", is_staff=True))
    assert [outsider.get(EXPORT).status_code, outsider.get(IMPORT).status_code] == [403, 403]
    assert [viewer_client.get(EXPORT).status_code, viewer_client.get(IMPORT).status_code] == [200, 403]
    assert upload(viewer_client, HEAD + "Post,austrian-post").status_code == 403
    page = viewer_client.get(LIST).content.decode()
    assert EXPORT in page
    assert IMPORT not in page
    assert not CarrierMapping.objects.exists()


@pytest.mark.parametrize("missing", ["add_carriermapping", "change_carriermapping"])
def test_import_asks_for_both_permissions(demo: Project, editor: User, missing: str) -> None:
    editor.user_permissions.remove(Permission.objects.get(codename=missing))
    assert client_of(User.objects.get(pk=editor.pk)).get(IMPORT).status_code == 403


def test_post_without_csrf_token_is_refused(demo: Project, editor_client: Client) -> None:
    form = hidden(upload(editor_client, HEAD + "Post,austrian-post"))
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = editor_client.cookies
    assert strict.post(IMPORT, form | {"reason": "because"}).status_code == 403
    assert not CarrierMapping.objects.exists()


def test_looking_changes_nothing(demo: Project, editor_client: Client, kicks: list[bool]) -> None:
    form = hidden(upload(editor_client, HEAD + "Post,austrian-post"))
    editor_client.get(IMPORT, form | {"reason": "because"})
    assert editor_client.put(IMPORT).status_code == 405
    assert (CarrierMapping.objects.count(), Revision.objects.count(), kicks) == (0, 0, [])


# ── refused ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_bad_lines_are_named_and_nothing_is_imported(demo: Project, editor_client: Client) -> None:
    text = HEAD + "Good,austrian-post\n--,austrian-post\nUPS,ups,demo\nPost,austrian-post,dmeo\n<b>,x y\n"
    response = upload(editor_client, text)
    assert (
        "4 faults: nothing was imported. Mend them in the file, then choose it again. What is wrong Line Column Why "
        "3 carrier a carrier's name needs letters or digits "
        "4 courier there is no courier ups "
        "5 project there is no project dmeo; did you mean demo? "
        "6 courier an AfterShip slug such as dhl-germany is expected (a-z, 0-9 and -)"
    ) in text_of(response)
    assert hidden(response) == {}
    assert not CarrierMapping.objects.exists()


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "is empty"),
        ("carrier;courier\nČeská pošta;x".encode("cp1250"), 'is not UTF-8 text; save the file as "CSV UTF-8"'),
        (b'carrier,courier\n"Post,x', "not valid CSV from here on"),
        (b"a,b\n1,2", "this column is missing; expected are carrier, courier, project"),
        (b"carrier,courier\nP\x00st,austrian-post", "holds line breaks or control characters"),
        (b"x" * 1_000_001, "is larger than 1,000 kB"),
        (b"<script>alert(1)</script>,carrier,courier\n", "unknown column"),
    ],
)
def test_file_that_is_no_list_of_mappings_is_refused(
    demo: Project, editor_client: Client, body: bytes, fault: str
) -> None:
    response = upload(editor_client, body)
    assert response.status_code == 200
    assert fault in text_of(response)
    assert b"<script>alert" not in response.content


def test_long_list_of_faults_says_how_many_more(
    demo: Project, editor_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_SHOWN", 2)
    text = text_of(upload(editor_client, HEAD + "--,ups\n" * 3))
    assert "6 faults" in text
    assert "4 more are not listed." in text


@pytest.mark.parametrize("reason", ["", "  ", "\x00"])
def test_without_a_reason_nothing_is_imported(demo: Project, editor_client: Client, reason: str) -> None:
    form = hidden(upload(editor_client, HEAD + "Post,austrian-post"))
    response = editor_client.post(IMPORT, form | {"reason": reason})
    assert "Give a reason: nothing was imported." in text_of(response)
    assert hidden(response)["seen"] == form["seen"]
    assert not CarrierMapping.objects.exists()


def test_what_changed_since_the_preview_is_told_and_shown_anew(demo: Project, editor_client: Client) -> None:
    mapping = make.make_carrier_mapping(make.make_courier("ups"), carrier="Post")
    form = hidden(upload(editor_client, HEAD + "Post,austrian-post\n"))
    mapping.courier = make.make_courier("dhl-germany")
    mapping.save()
    response = editor_client.post(IMPORT, form | {"reason": "new contract"})
    text = text_of(response)
    assert "Somebody changed these mappings since you looked. Nothing was imported" in text
    assert "austrian-post before: dhl-germany" in text
    mapping.refresh_from_db()
    assert mapping.courier.slug == "dhl-germany"
    assert editor_client.post(IMPORT, hidden(response) | {"reason": "new contract"}).status_code == 302
    mapping.refresh_from_db()
    assert mapping.courier.slug == "austrian-post"


def test_other_csv_than_the_one_that_was_shown_is_not_imported(demo: Project, editor_client: Client) -> None:
    form = hidden(upload(editor_client, HEAD + "Post,austrian-post\n"))
    response = editor_client.post(IMPORT, form | {"csv": HEAD + "Post,dhl-germany\n", "reason": "because"})
    assert "Nothing was imported" in text_of(response)
    assert not CarrierMapping.objects.exists()


def test_what_went_since_the_preview_is_named_by_its_line(demo: Project, editor_client: Client) -> None:
    form = hidden(upload(editor_client, HEAD + "Post,austrian-post,demo,de-web\n"))
    demo.stores.all().delete()
    response = editor_client.post(IMPORT, form | {"reason": "because"})
    assert "2 store there is no store de-web" in text_of(response)


# ── shown ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_preview_shows_each_change_and_its_effect_on_parcels(demo: Project, editor_client: Client) -> None:
    make.make_carrier_mapping(
        make.make_courier("ups"), carrier="DHL PKT", origin=Origin.FILE, extra_fields={"tracking_key": "swordfish"}
    )
    make.make_carrier_mapping(make.make_courier("dhl-germany"), carrier="Same")
    make.make_channel(demo, key="zurich")
    for carrier in ("DHL-Pkt", "DHL pkt", "Post", "Other"):
        make.make_parcel(make.make_order(demo), tracking_number="00340434161094021501", carrier=carrier)
    response = upload(
        editor_client,
        HEAD + "DHL Pkt,dhl-germany\nPost,austrian-post,demo,de-web\nPost,dhl-germany,demo,,zurich\n"
        'Post,austrian-post,,,,"{""tracking_key"": ""geheim""}"\nSame,dhl-germany\n',
    )
    text = text_of(response)
    assert "3 new, 1 changed, 1 unchanged. Nothing was saved yet." in text
    assert (
        "2 changed Stands in the configuration file, whose next run sets it back. DHL Pkt before: DHL PKT everywhere "
        "dhl-germany before: ups – changed"
    ) in text
    assert "3 new Post demo store de-web austrian-post –" in text
    assert "4 new Post demo channel zurich dhl-germany –" in text
    assert "5 new Post everywhere austrian-post tracking_key" in text
    assert "4 parcels looked at" in text
    assert "3 decided otherwise" in text
    assert "Courier ups dhl-germany 2 Courier left to detection austrian-post 1" in text
    assert "Import 4 mappings" in text
    assert "swordfish" not in response.content.decode()


def test_file_that_changes_nothing_says_so(demo: Project, editor_client: Client) -> None:
    make.make_carrier_mapping(make.make_courier("dhl-germany"), carrier="DHL")
    response = upload(editor_client, editor_client.get(EXPORT).content)
    assert "0 new, 0 changed, 1 unchanged." in text_of(response)
    assert "Nothing: all mappings are as the file says." in text_of(response)
    assert 'name="reason"' not in response.content.decode()


def test_preview_costs_the_same_queries_whatever_the_file_lists(demo: Project, editor_client: Client) -> None:
    def cost(number: int) -> int:
        text = HEAD + "".join(f"Carrier {n},austrian-post,demo,de-web\n" for n in range(number))
        with CaptureQueriesContext(connection) as queries:
            assert upload(editor_client, text).status_code == 200
        return len(queries)

    cost(1)
    few = cost(1)
    for n in range(30):
        make.make_carrier_mapping(carrier=f"Carrier {n}", project=demo, store=demo.stores.get())
    assert cost(60) == few
    assert few <= 24


# ── saved ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_import_saves_what_was_shown_as_one_revision(
    demo: Project, editor: User, editor_client: Client, kicks: list[bool], django_capture_on_commit_callbacks: Any
) -> None:
    dhl = make.make_carrier_mapping(make.make_courier("ups"), carrier="DHL")
    left = make.make_carrier_mapping(carrier="Left alone")
    waiting = make.make_order(demo)
    make.make_problem(order=waiting, kind=ProblemKind.UNMAPPED_CARRIER)
    form = hidden(upload(editor_client, '\ncarrier;courier;project\rDHL;dhl-germany;\r"Post; AT";austrian-post;demo'))
    with django_capture_on_commit_callbacks(execute=True):
        response = editor_client.post(IMPORT, form | {"reason": "new contract"}, follow=True)
    page = response.content.decode()
    revision = Revision.objects.get()
    assert response.redirect_chain == [(LIST, 302)]
    assert f"revision #{revision.pk}</a>" in page
    assert "1 order that waits for a rule is read again." in page
    assert set(CarrierMapping.objects.values_list("carrier", "courier__slug", "project__key", "origin")) == {
        ("DHL", "dhl-germany", None, "console"),
        ("Post; AT", "austrian-post", "demo", "console"),
        ("Left alone", left.courier.slug, None, "console"),
    }
    dhl.refresh_from_db()
    assert dhl.version == 2
    assert (revision.source, revision.actor, revision.reason, len(revision.changes)) == (
        "csv",
        editor,
        "new contract",
        2,
    )
    act = StaffAction.objects.get()
    assert (act.kind, act.actor, act.reason, act.revision) == ("change_rules", editor, "new contract", revision)
    assert [(job.kind, job.subject) for job in Job.objects.all()] == [(JobKind.COLLECT, str(waiting.pk))]
    assert kicks == [True]


def test_pressing_twice_imports_once_and_says_so(demo: Project, editor_client: Client) -> None:
    form = hidden(upload(editor_client, HEAD + "Post,austrian-post")) | {"reason": "because"}
    editor_client.post(IMPORT, form)
    response = editor_client.post(IMPORT, form)
    assert "Somebody changed these mappings since you looked." in text_of(response)
    assert "Nothing: all mappings are as the file says." in text_of(response)
    assert (CarrierMapping.objects.count(), Revision.objects.count()) == (1, 1)


@pytest.mark.skipif(IS_SQLITE, reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_two_people_import_at_once_and_one_is_told(demo: Project, editor: User) -> None:
    clients = [client_of(editor), client_of(User.objects.create_superuser("other"))]
    texts = [HEAD + f"Post,{slug}\n" for slug in ("austrian-post", "dhl-germany")]
    forms = [hidden(upload(client, text)) | {"reason": "mine"} for client, text in zip(clients, texts, strict=True)]
    answers: list[Any] = []

    def press(client: Client, form: dict[str, str]) -> None:
        try:
            answers.append(client.post(IMPORT, form))
        finally:
            connection.close()

    threads = [threading.Thread(target=press, args=pair) for pair in zip(clients, forms, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 302]
    told = next(answer for answer in answers if answer.status_code == 200)
    assert "Somebody changed these mappings since you looked." in text_of(told)
    assert (CarrierMapping.objects.count(), Revision.objects.count()) == (1, 1)


def test_parcels_on_their_way_are_moved_along_by_who_may(demo: Project, editor: User, editor_client: Client) -> None:
    make.make_carrier_mapping(make.make_courier("ups"), carrier="DHL")
    tracking = make.make_tracking(courier="ups", requested_courier="ups", account=demo.routes.get().account)
    parcel = make.make_parcel(make.make_order(demo), tracking, carrier="DHL")
    form = hidden(upload(editor_client, HEAD + "DHL,dhl-germany")) | {"reason": "because", "move": "1"}
    assert editor_client.post(IMPORT, form).status_code == 403
    assert CarrierMapping.objects.get().courier.slug == "ups"
    editor.user_permissions.add(Permission.objects.get(codename="remap_parcel"))
    assert editor_client.post(IMPORT, form).status_code == 302
    remap = Remap.objects.get()
    assert (remap.revision, remap.reason) == (Revision.objects.get(), "because")
    assert [item.parcel for item in remap.items.all()] == [parcel]


# ── exported ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_export_is_a_file_that_excel_and_we_read_again(demo: Project, viewer_client: Client) -> None:
    make.make_carrier_mapping(
        make.make_courier("austrian-post"), carrier="=Österr. Post", project=demo, store=demo.stores.get(),
        extra_fields={"tracking_key": "0123"},
    )  # fmt: skip
    response = viewer_client.get(EXPORT + "?q=nothing")
    assert re.fullmatch(
        r'attachment; filename="carrier-mappings-\d{4}-\d\d-\d\d\.csv"', response.headers["Content-Disposition"]
    )
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.content.decode("utf-8") == (
        "\ufeffcarrier,courier,project,store,channel,extra_fields\r\n"
        '\'=Österr. Post,austrian-post,demo,de-web,,"{""tracking_key"": ""0123""}"\r\n'
    )
    [entry] = mappings_csv.read(mappings_csv.decoded(response.content))
    assert entry.values["carrier"] == "=Österr. Post"


def test_buttons_stand_above_the_list(demo: Project, editor_client: Client) -> None:
    page = editor_client.get(reverse("admin:stores_carriermapping_changelist")).content.decode()
    assert EXPORT in page
    assert IMPORT in page
