"""``/admin/carriers/``: carrier texts that nothing maps or whose mapping is in doubt, and the page that maps one.

list (most parcels first) ─> one text: proposals, courier, scope ─> what it would do (GET) ─> the same by POST, a reason
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page as ListPage
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from stores.carriers import Scope, normalise_carrier
from stores.models import CarrierMapping, Channel, Courier, Project, Store
from stores.revisions import DraftError
from tracking import tasks
from tracking.admin.base import Facts, Table
from tracking.admin.display import BAD, DOUBTFUL, GOOD, NOTHING, WAITING, age, badge, code, lines, link, two_lines
from tracking.enums import ProblemKind
from tracking.models import Parcel
from tracking.services.carrier_proposals import Hints, Proposal, propose
from tracking.services.carrier_texts import DAYS, CarrierText, find_texts
from tracking.services.map_carrier import Preview, Wish, ask_again, leave_to_detection, map_carrier, preview
from tracking.services.number_forms import UNRECOGNIZED
from tracking.services.remap import RemapConflict
from tracking.services.scope import visible

MAY_LOOK, MAY_MAP, MAY_CHANGE = (
    "stores.view_carriermapping",
    "stores.add_carriermapping",
    "stores.change_carriermapping",
)
MAY_MOVE = "tracking.remap_parcel"
PER_PAGE = 25
MOST_REASON, MOST_SPELLINGS, MOST_PARCELS = 500, 4, 20
ENDING = 6  # signs of a number that tell it from its neighbours


# ── the list ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Asked:
    """What the list is narrowed to."""

    project: Project | None
    store: Store | None
    words: str
    ignored: bool

    @classmethod
    def of(cls, request: HttpRequest, projects: Sequence[Project], stores: Sequence[Store]) -> Asked:
        given = request.GET
        project = next((one for one in projects if one.key == given.get("project")), None)
        store = next((one for one in stores if f"{one.project}/{one.key}" == given.get("store")), None)
        return cls(project, store, clean(given.get("q", "")), given.get("show") == "ignored")

    def address(self, **more: Any) -> str:
        """The list with the same filters, and ``more`` of them."""
        given = {
            "project": self.project.key if self.project else "",
            "store": f"{self.store.project}/{self.store.key}" if self.store else "",
            "q": self.words,
            "show": "ignored" if self.ignored else "",
        }
        kept = {name: value for name, value in (given | more).items() if value}
        return f"?{urlencode(kept)}" if kept else "?"


def carriers_page(request: HttpRequest) -> HttpResponse:
    """The texts that want a look, most parcels first."""
    if not request.user.has_perm(MAY_LOOK):
        raise PermissionDenied
    projects = list(visible(request.user, Project.objects.only("key")))
    stores = list(visible(request.user, Store.objects.select_related("project").only(*STORE)))
    asked = Asked.of(request, projects, stores)
    found = find_texts(
        project=asked.project.pk if asked.project else None,
        store=asked.store.pk if asked.store else None,
        key=normalise_carrier(asked.words),
        ignored=asked.ignored,
        viewer=request.user,
    )
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    return shown(
        request,
        "admin/tracking/carriers.html",
        title=_("Carrier workbench"),
        asked=asked,
        projects=projects,
        stores=stores,
        number=len(found),
        parcels=sum(text.number for text in found),
        days=DAYS,
        table=texts_table(page, {one.pk: one for one in projects}, {one.pk: one for one in stores}, asked),
        page=page,
        newer=asked.address(page=page.previous_page_number()) if page.has_previous() else "",
        older=asked.address(page=page.next_page_number()) if page.has_next() else "",
        others=asked.address(show="" if asked.ignored else "ignored"),
    )


STORE = ("key", "project__key")


def texts_table(
    page: ListPage[CarrierText], projects: dict[int, Project], stores: dict[int, Store], asked: Asked
) -> Table:
    """One page of texts with samples and proposals; the number of queries does not depend on how many there are."""
    texts = list(page.object_list)
    samples = samples_of(texts)
    hints = Hints.for_texts(texts, [one for several in samples.values() for one in several])
    rows = []
    for text in texts:
        project = projects[text.project_id]
        store = stores.get(text.store_id) if text.store_id else None
        mine = samples[text.scope]
        rows.append(
            [
                two_lines(text.carrier, spellings_of(text)),
                two_lines(unbroken(store or _("no store")), project),
                two_lines(f"{text.number:,}", waiting_of(text)),
                age(text.since),
                lines(outcomes_of(text)),
                lines([sample_link(parcel) for parcel in mine]),
                lines(proposal_links(propose(text, mine, hints), text, project, store)),
            ]
        )
    headings = [_("Text"), _("Store"), _("Parcels"), _("Since"), _("What became of them"), _("For example")]
    empty = _("Nothing is left to detection on purpose.") if asked.ignored else _("Every carrier text has its courier.")
    if asked.project or asked.store or asked.words:
        empty = _("No text fits these filters.")
    return Table(_("Texts"), [*headings, _("Proposals")], rows, empty)


def samples_of(texts: Iterable[CarrierText]) -> dict[tuple[int, int | None, str], list[Parcel]]:
    """A few parcels of each text, the newest first. One query."""
    wanted = {pk for text in texts for pk in text.sample_ids}
    found = Parcel.objects.select_related("route").in_bulk(wanted)
    return {
        text.scope: sorted((found[pk] for pk in text.sample_ids if pk in found), key=lambda one: -one.pk)[:3]
        for text in texts
    }


def sample_link(parcel: Parcel) -> SafeString | str:
    return link(parcel, f"…{parcel.tracking_number[-ENDING:]}")


def unbroken(words: object) -> SafeString:
    return format_html('<span class="tb-short">{}</span>', words)


def spellings_of(text: CarrierText) -> str:
    """The other spellings, the most frequent first."""
    others = [spelling for spelling, _number in text.spellings.most_common() if spelling != text.carrier]
    more = f" +{len(others) - MOST_SPELLINGS}" if len(others) > MOST_SPELLINGS else ""
    return _("also %(others)s") % {"others": ", ".join(others[:MOST_SPELLINGS]) + more} if others else ""


def waiting_of(text: CarrierText) -> str:
    if not text.waiting:
        return ""
    return ngettext("%(n)s waits for news", "%(n)s wait for news", text.waiting) % {"n": f"{text.waiting:,}"}


def outcomes_of(text: CarrierText) -> list[Any]:
    """What AfterShip made of the parcels, and what is wrong with them, in badges."""
    found: list[Any] = []
    for slug, number in text.outcomes.most_common():
        if slug == UNRECOGNIZED:
            found.append(badge(_("%(n)s not recognised") % {"n": f"{number:,}"}, BAD))
        elif slug:
            found.append(badge(_("%(n)s detected as %(slug)s") % {"n": f"{number:,}", "slug": slug}, GOOD))
        else:
            found.append(badge(_("%(n)s not opened") % {"n": f"{number:,}"}, WAITING))
    for refusal, number in text.refused.most_common():
        found.append(badge(_("%(n)s refused: %(code)s") % {"n": f"{number:,}", "code": refusal}, BAD))
    for kind, number in text.doubts.most_common():
        if kind != ProblemKind.UNMAPPED_CARRIER:
            found.append(badge(f"{number:,} {ProblemKind(kind).label}", DOUBTFUL))
    if text.mapped_to:
        found.append(_("mapped to %(slug)s") % {"slug": text.mapped_to})
    return found


def proposal_links(
    proposals: Iterable[Proposal], text: CarrierText, project: Project, store: Store | None
) -> list[SafeString]:
    """Each proposal leads to its preview; the last entry to the choice of any other."""
    address = map_address(project.key, store.key if store else "", text.carrier)
    found = [
        two_lines(map_link(f"{address}&{urlencode({'courier': one.courier})}", one.courier), reasons_of(one))
        for one in proposals
    ]
    return [*found, map_link(address, _("Another courier") if found else _("Choose a courier"))]


def reasons_of(proposal: Proposal) -> str:
    """Why, and whether the route ships with it."""
    outside = [_("the route does not ship with it")] if proposal.is_in_set is False else []
    return "; ".join([*proposal.reasons, *outside])


def map_link(address: str, words: str) -> SafeString:
    return format_html('<a class="tb-link tb-short" href="{}">{}</a>', address, words)


def map_address(project: str, store: str, carrier: str, **more: str) -> str:
    """The page that maps this text, of this store ("" for none)."""
    given = {"project": project, "store": store, "carrier": carrier, **more}
    return f"{reverse('carriers-map')}?{urlencode({name: value for name, value in given.items() if value})}"


# ── one text ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Subject:
    """The text that is to be mapped, where it was found, and what was chosen so far."""

    project: Project
    store: Store | None
    text: CarrierText
    courier: str
    scope: str
    channel: str
    fault: str = ""

    @classmethod
    def of(cls, request: HttpRequest) -> Subject | None:
        """As the address says, and the form where one was sent; None where it names no text of a project."""
        given = request.POST if request.method == "POST" else request.GET
        projects = visible(request.user, Project.objects.only("key"))
        project = projects.filter(key=clean(request.GET.get("project", ""))).first()
        carrier = clean(request.GET.get("carrier", ""))[:500]
        if project is None or not normalise_carrier(carrier):
            return None
        store_key = clean(request.GET.get("store", ""))
        stores = visible(request.user, Store.objects.filter(project=project, key=store_key))
        store = stores.first() if store_key else None
        scopes = ["channel", "project", "everywhere", *(["store"] if store else [])]
        asked = given.get("scope", "")
        subject = cls(
            project=project,
            store=store,
            text=text_at(project, store, carrier, request.user),
            courier=clean(given.get("courier", "")).strip(),
            scope=asked if asked in scopes else ("store" if store else "project"),
            channel=clean(given.get("channel", "")),
        )
        subject.fault = subject.find_fault()
        return subject

    def find_fault(self) -> str:
        """What is wrong with the choice, "" for nothing."""
        if self.courier and not Courier.objects.filter(slug=self.courier).exists():
            return _("AfterShip has no courier “%(slug)s”: take one of the list.") % {"slug": self.courier}
        channels = Channel.objects.filter(project=self.project, key=self.channel)
        if self.scope == "channel" and not (self.channel and channels.exists()):
            return _("Choose the channel that it shall hold for.")
        return ""

    def wish(self) -> Wish:
        project = "" if self.scope == "everywhere" else self.project.key
        store = self.store.key if self.store and self.scope == "store" else ""
        channel = self.channel if self.scope == "channel" else ""
        return Wish(self.text.carrier, self.courier, Scope(project=project, store=store, channel=channel))

    def address(self, courier: str = "") -> str:
        chosen = {"scope": self.scope, "channel": self.channel} if courier else {}
        store = self.store.key if self.store else ""
        return map_address(self.project.key, store, self.text.carrier, courier=courier, **chosen)


def text_at(project: Project, store: Store | None, carrier: str, viewer: Any) -> CarrierText:
    """What the list knows of this text; a bare one where it knows nothing."""
    key = normalise_carrier(carrier)
    scope = project.pk, store.pk if store else None, key
    for text in find_texts(project=project.pk, store=scope[1], key=key, ignored=None, viewer=viewer):
        if text.scope == scope:
            return text
    bare = CarrierText(*scope)
    bare.spellings[carrier] = 1
    return bare


def carriers_map_page(request: HttpRequest) -> HttpResponse:
    """GET: proposals, and what the chosen mapping would do. POST with ``reason``: save it, or leave it to detection."""
    if not request.user.has_perm(MAY_LOOK):
        raise PermissionDenied
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    subject = Subject.of(request)
    if subject is None:
        return HttpResponseRedirect(reverse("carriers"))
    if request.method == "POST":
        return posted(request, subject)
    return map_page(request, subject)


def posted(request: HttpRequest, subject: Subject) -> HttpResponse:
    """One of the page's buttons. Changes nothing where the reason is missing or the choice is at fault."""
    if not request.user.has_perm(MAY_MAP):
        raise PermissionDenied
    reason = clean(request.POST.get("reason", "")).strip()[:MOST_REASON]
    action = request.POST.get("action", "")
    if not reason or (action == "map" and (subject.fault or not subject.courier)):
        return map_page(request, subject, is_reason_missing=not reason)
    if action == "map":
        return mapped(request, subject, reason)
    if action in ("leave", "ask"):
        did = leave_to_detection if action == "leave" else ask_again
        did(subject.text, actor=request.user, reason=reason)
        left, asked = _("“%(text)s” is left to AfterShip's detection."), _("“%(text)s” is asked about again.")
        words = left if action == "leave" else asked
        messages.success(request, words % {"text": subject.text.carrier})
    return HttpResponseRedirect(reverse("carriers"))


def mapped(request: HttpRequest, subject: Subject, reason: str) -> HttpResponse:
    """Save the mapping, wake a worker, say what follows from it, and lead back to what is left."""
    wish = subject.wish()
    if wish.known() and not request.user.has_perm(MAY_CHANGE):
        raise PermissionDenied
    try:
        done = map_carrier(wish, actor=request.user, reason=reason, move=request.user.has_perm(MAY_MOVE))
    except (DraftError, RemapConflict) as error:
        subject.fault = str(error)
        return map_page(request, subject)
    if done.changed.revision is None:
        messages.warning(request, _("Nothing has changed: it was mapped like this already."))
        return HttpResponseRedirect(reverse("carriers"))
    transaction.on_commit(tasks.kick)
    words = [_("“%(text)s” is %(courier)s now.") % {"text": wish.carrier, "courier": wish.courier}]
    if number := done.changed.reread:
        again = ngettext("%(n)d order is read again.", "%(n)d orders are read again.", number)
        words.append(again % {"n": number})
    if done.remap:
        number = done.remap.items.count()
        words.append(ngettext("%(n)d parcel is moved.", "%(n)d parcels are moved.", number) % {"n": number})
    if done.refusal:
        words.append(_("No parcel is moved: %(why)s") % {"why": done.refusal})
    messages.success(request, " ".join(words))
    return HttpResponseRedirect(reverse("carriers"))


def map_page(request: HttpRequest, subject: Subject, *, is_reason_missing: bool = False) -> HttpResponse:
    """The page of one text: proposals, the mapping that is wished for, and what it would do."""
    samples = samples_of([subject.text])[subject.text.scope]
    proposals = propose(subject.text, samples, Hints.for_texts([subject.text], samples))
    effect = preview(subject.wish(), viewer=request.user) if subject.courier and not subject.fault else None
    may_map = request.user.has_perm(MAY_MAP)
    if effect and effect.known and not request.user.has_perm(MAY_CHANGE):
        may_map = False
    return shown(
        request,
        "admin/tracking/carriers_map.html",
        title=_("Map a carrier text"),
        subject=subject,
        known=Facts(_("What is known"), known_facts(subject, samples)),
        proposals=proposals_table(subject, proposals),
        couriers=Courier.objects.order_by("slug").values_list("slug", "name"),
        channels=Channel.objects.filter(project=subject.project).order_by("key"),
        effect=effect,
        effect_facts=effect_facts(effect) if effect else [],
        parcels=parcels_table(effect) if effect else None,
        narrower=narrower_than(subject) if effect else [],
        may_map=may_map,
        may_leave=request.user.has_perm(MAY_MAP) and not subject.text.mapped_to,
        may_move=request.user.has_perm(MAY_MOVE),
        is_reason_missing=is_reason_missing,
        most_reason=MOST_REASON,
    )


def known_facts(subject: Subject, samples: Sequence[Parcel]) -> list[tuple[Any, Any]]:
    text = subject.text
    return [
        (_("Store"), two_lines(str(subject.store or _("no store")), str(subject.project))),
        (_("Parcels of the last %(days)d days") % {"days": DAYS}, two_lines(f"{text.number:,}", waiting_of(text))),
        (_("Since"), age(text.since)),
        (_("Other spellings"), spellings_of(text) or NOTHING),
        (_("What became of them"), lines(outcomes_of(text))),
        (_("For example"), lines([sample_link(parcel) for parcel in samples])),
    ]


def proposals_table(subject: Subject, proposals: Iterable[Proposal]) -> Table:
    rows = [
        [code(one.courier), lines(reasons_of(one).split("; ")), map_link(subject.address(one.courier), _("Look at it"))]
        for one in proposals
    ]
    empty = _("Nothing speaks for a courier: neither the numbers, nor the name, nor other stores.")
    return Table(_("Proposals"), [_("Courier"), _("Because"), _("What it would do")], rows, empty)


def effect_facts(effect: Preview) -> list[tuple[Any, Any]]:
    """What a mapping would do, counted over the newest parcels."""
    found = effect.found
    return [
        (_("Newest parcels looked at"), f"{found.looked_at:,}"),
        (_("Get this courier"), f"{found.decided_otherwise:,}"),
        (_("Taken up when their order is read again"), f"{len(effect.read_again):,}"),
        (_("Moved: AfterShip has them with another courier"), f"{len(effect.move):,}"),
        (_("Stay: AfterShip has them with this courier"), f"{len(effect.stay):,}"),
        (_("Finished: stay as they are"), f"{found.finished:,}"),
        (_("Chosen by hand: stay as they are"), f"{found.chosen_by_hand:,}"),
        (_("Replaces"), str(effect.known) if effect.known else NOTHING),
    ]


def parcels_table(effect: Preview) -> Table:
    """The newest of the parcels that a mapping concerns."""
    what = {pk: badge(_("moved"), DOUBTFUL) for pk in effect.move}
    what |= {pk: badge(_("read again"), GOOD) for pk in effect.read_again}
    what |= {pk: badge(_("stays")) for pk in effect.stay}
    rows = []
    for sample in effect.found.samples[:MOST_PARCELS]:
        address = reverse("admin:tracking_parcel_change", args=[sample.parcel_id])
        before, after = sample.before.courier or _("detection"), sample.after.courier or _("detection")
        number = format_html('<a class="tb-link" href="{}">{}</a>', address, sample.number)
        where = sample.facts.store or _("no store")
        rows.append([number, where, f"{before} → {after}", what.get(sample.parcel_id, badge(_("finished")))])
    more = effect.found.decided_otherwise - len(rows)
    return Table(
        _("Parcels"),
        [_("Parcel"), _("Store"), _("Courier"), _("What happens")],
        rows,
        _("No parcel of the newest ones would get another courier; later ones will."),
        more=_("%(n)s more are not listed.") % {"n": f"{more:,}"} if more > 0 else "",
    )


def narrower_than(subject: Subject) -> list[CarrierMapping]:
    """Mappings of the same text that go before the wished one where they hold."""
    order = ["everywhere", "project", "store", "channel"]
    same = CarrierMapping.objects.filter(carrier_key=subject.text.key).select_related(
        "courier", "project", "store", "channel"
    )
    if subject.scope != "everywhere":
        same = same.filter(project=subject.project)
    return [one for one in same if order.index(scope_of(one)) > order.index(subject.scope)]


def scope_of(mapping: CarrierMapping) -> str:
    if mapping.channel_id:
        return "channel"
    if mapping.store_id:
        return "store"
    return "project" if mapping.project_id else "everywhere"


def shown(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    request.current_app = admin.site.name
    return TemplateResponse(request, template, admin.site.each_context(request) | context)


def clean(text: str) -> str:
    """PostgreSQL's text holds no NUL."""
    return text.replace("\x00", "")
