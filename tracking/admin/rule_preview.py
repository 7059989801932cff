"""``/admin/rules/preview/``: what a change of rules would do to real parcels, before it is saved; and the saving.

    form, deletion, rollback, move ─> Proposal ─> preview (dry run, doubts) ─ confirm with a reason ─> change_rules
                                          └─ back: the form, with what was typed into it

The proposal travels in the page, signed for this person. Nothing is stored until it is confirmed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from stores.models import Revision
from stores.revisions import Draft, DraftError, StaleDraftError, links_of
from stores.rule_checks import Doubt, check_routes, name_of, route_words
from stores.rule_set import KINDS, load_rule_set, snapshot
from stores.rule_words import changed_fields
from tracking import tasks
from tracking.admin.base import Table
from tracking.admin.display import BAD, DOUBTFUL, MOVING, NOTHING, WAITING, badge, lines, link, two_lines
from tracking.services.dry_run import DryRun, Outcome, Sample, dry_run
from tracking.services.remap import RemapConflict
from tracking.services.rules import RulesChanged, change_rules, may_change, projects_of

LIMITS = (1_000, 10_000, 100_000)
USUAL_LIMIT = 10_000
MOST_REASON = 500
MOST_SHOWN = 20
VALID_SECONDS = 24 * 3600
SALT = "trackbridge.rules"
MAY_MOVE = "tracking.remap_parcel"

AllWords = dict[int, dict[str, Any]]


@dataclass(frozen=True)
class Proposal:
    """A change that somebody looks at. ``back`` leads to where it came from; ``has_form``: to the form it was typed in.

    ``restores`` is the id of the revision that a rollback goes back to.
    """

    title: str
    drafts: tuple[Draft, ...]
    back: str
    has_form: bool = False
    source: str = Revision.Source.CONSOLE.value
    restores: int | None = None

    def signed(self, request: HttpRequest) -> str:
        """As the page carries it; only this person can hand it in."""
        return signing.dumps(asdict(self), salt=f"{SALT}:{request.user.pk}", compress=True)

    @classmethod
    def read(cls, request: HttpRequest) -> Proposal | None:
        """What the page carried; None where it was tampered with, or is older than a day."""
        salt = f"{SALT}:{request.user.pk}"
        try:
            facts = signing.loads(request.POST.get("proposal", ""), salt=salt, max_age=VALID_SECONDS)
        except signing.BadSignature:
            return None
        return cls(**facts | {"drafts": tuple(Draft(**draft) for draft in facts["drafts"])})


def may_propose(request: HttpRequest, drafts: Sequence[Draft]) -> bool:
    """Whether the person may add, change and delete what the drafts do, in the stores that they are about."""
    allowed = all(request.user.has_perm(permission_for(draft)) for draft in drafts)
    return allowed and may_change(request.user, (draft.words for draft in drafts))


def permission_for(draft: Draft) -> str:
    verb = "delete" if draft.words is None else "add" if draft.id is None else "change"
    return f"stores.{verb}_{KINDS[draft.kind]._meta.model_name}"


def preview_page(request: HttpRequest) -> HttpResponse:
    """POST only: the same proposal once more over another number of parcels, or confirmed with a reason."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    proposal = Proposal.read(request)
    if proposal is None:
        messages.warning(request, _("This page was too old. Please make the change once more."))
        return HttpResponseRedirect(reverse("admin:stores_route_changelist"))
    if not may_propose(request, proposal.drafts):
        raise PermissionDenied
    if "confirm" not in request.POST:
        return shown(request, proposal)
    reason = request.POST.get("reason", "").replace("\x00", "").strip()[:MOST_REASON]
    return confirmed(request, proposal, reason) if reason else shown(request, proposal, is_reason_missing=True)


def confirmed(request: HttpRequest, proposal: Proposal, reason: str) -> HttpResponse:
    """Save the proposal; where it cannot be saved, say why and show it again as things stand now."""
    move = "move" in request.POST
    if move and not request.user.has_perm(MAY_MOVE):
        raise PermissionDenied
    try:
        changed = save(request, proposal, reason, move=move)
    except StaleDraftError as error:
        words = _("%(cause)s. Confirming now replaces what was saved meanwhile; it is compared below.")
        return shown(request, refreshed(proposal), alert=words % {"cause": who_changed(proposal) or error.cause})
    except DraftError as error:
        return shown(request, proposal, alert=_("Nothing was saved: %(cause)s.") % {"cause": error})
    except IntegrityError:
        words = _("Nothing was saved: somebody else made a rule with the same conditions meanwhile.")
        return shown(request, proposal, alert=words)
    except RemapConflict as conflict:
        words = _("Nothing was saved: parcels wait in another remap. %(which)s")
        return shown(request, proposal, alert=words % {"which": conflict})
    tell(request, changed)
    return HttpResponseRedirect(list_behind(proposal))


def save(request: HttpRequest, proposal: Proposal, reason: str, *, move: bool) -> RulesChanged:
    """Take the drafts, log it and wake a worker, all in one transaction.

    Raises what `change_rules` raises where rules changed since the preview.
    """
    with transaction.atomic():
        changed = change_rules(
            proposal.drafts,
            actor=request.user,
            source=Revision.Source(proposal.source),
            reason=reason,
            move=move,
            limit=limit_of(request),
            restores=Revision.objects.filter(pk=proposal.restores).first(),
        )
        if changed.revision:
            log(request, changed.revision)
            transaction.on_commit(tasks.kick)
    return changed


def log(request: HttpRequest, revision: Revision) -> None:
    """Each rule's own history in the console shows the revision, too."""
    LogEntry.objects.bulk_create(
        LogEntry(
            user=request.user,
            content_type=ContentType.objects.get_for_model(KINDS[change["kind"]]),
            object_id=str(change["id"]),
            object_repr=change["label"][:200],
            action_flag=ADDITION if change["before"] is None else CHANGE,
            change_message=f"Revision {revision}: {revision.reason}",
        )
        for change in revision.changes
    )


def tell(request: HttpRequest, changed: RulesChanged) -> None:
    """What became of it, in messages."""
    if changed.revision is None:
        messages.warning(request, _("Nothing was changed: the rules say so already."))
        return
    to_revision = link(changed.revision, _("revision %(id)s") % {"id": changed.revision})
    messages.success(request, format_html(_("Saved as {}."), to_revision))
    if changed.reread:
        words = ngettext(
            "%(n)d order that waits for a rule is read again.",
            "%(n)d orders that wait for a rule are read again.",
            changed.reread,
        )
        messages.info(request, words % {"n": changed.reread})
    if changed.remap:
        to_remap = link(changed.remap, _("remap %(id)s") % {"id": changed.remap})
        messages.info(request, format_html(_("Parcels are moved by {}; it can be undone for 24 hours."), to_remap))
    if changed.unmoved:
        messages.warning(request, _("No parcel is moved: %(cause)s") % {"cause": changed.unmoved})


def list_behind(proposal: Proposal) -> str:
    """The list that shows what was changed."""
    return reverse(f"admin:stores_{KINDS[proposal.drafts[0].kind]._meta.model_name}_changelist")


def refreshed(proposal: Proposal) -> Proposal:
    """The same wish, about the rules as they stand now."""
    drafts = []
    for draft in proposal.drafts:
        row = KINDS[draft.kind].objects.filter(pk=draft.id).first() if draft.id else None
        drafts.append(replace(draft, version=row.version if row else None))
    return replace(proposal, drafts=tuple(drafts))


def is_stale(draft: Draft) -> bool:
    """Whether the rule was changed or removed since the person opened it."""
    rows = KINDS[draft.kind].objects.filter(pk=draft.id)
    return draft.version is not None and not rows.filter(version=draft.version).exists()


def who_changed(proposal: Proposal) -> str:
    """Who changed one of the proposal's rules last, and why; "" where no revision tells."""
    wanted = {(draft.kind, draft.id) for draft in proposal.drafts}
    for revision in Revision.objects.order_by("-pk")[:100]:
        if wanted & {(change["kind"], change["id"]) for change in revision.changes}:
            who = revision.actor_name or revision.get_source_display()
            words = _("%(who)s changed this meanwhile (revision %(id)s: %(reason)s)")
            return words % {"who": who, "id": revision, "reason": revision.reason or NOTHING}
    return ""


def limit_of(request: HttpRequest) -> int:
    wanted = request.POST.get("limit", "")
    return int(wanted) if wanted in map(str, LIMITS) else USUAL_LIMIT


# ── the page ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def shown(
    request: HttpRequest, proposal: Proposal, *, alert: str = "", is_reason_missing: bool = False
) -> HttpResponse:
    """The preview: what changes in the rules, for which parcels, and what is doubtful about it."""
    if not alert and any(map(is_stale, proposal.drafts)):
        words = _("%(who)s. Confirming replaces what was saved meanwhile; it is compared below.")
        alert = words % {"who": who_changed(proposal) or _("This rule was changed meanwhile")}
        proposal = refreshed(proposal)
    tried = Trial(proposal.drafts, limit_of(request), request.user)
    context = {
        "title": proposal.title,
        "proposal": proposal,
        "signed": proposal.signed(request),
        "alert": alert,
        "is_reason_missing": is_reason_missing,
        "reason": request.POST.get("reason", ""),
        "limits": [(number, f"{number:,}") for number in LIMITS],
        "limit": tried.limit,
        "tiles": tried.tiles(),
        "to_move": len(tried.found.to_move),
        "changes": tried.changes_table(),
        "doubts": tried.doubts(),
        "shifts": tried.shifts_table(),
        "samples": tried.samples_table(),
        "may_move": request.user.has_perm(MAY_MOVE),
        "wants_move": "move" in request.POST,
        "most_reason": MOST_REASON,
    }
    request.current_app = admin.site.name
    return TemplateResponse(request, "admin/stores/rule_preview.html", admin.site.each_context(request) | context)


class Trial:
    """Drafts tried out on the newest parcels of the projects that they are about, and what to say of it."""

    def __init__(self, drafts: Sequence[Draft], limit: int, viewer: Any) -> None:
        self.limit = limit
        self.changes = [(draft.kind, draft.id or -at, draft.words) for at, draft in enumerate(drafts, 1)]
        self.before = words_now([(kind, number) for kind, number, _words in self.changes])
        now = load_rule_set()
        projects = projects_of([*self.before.values(), *(words for _kind, _number, words in self.changes)])
        then = now.with_changes(self.changes)
        self.found: DryRun = dry_run(now, then, limit=limit, projects=projects, viewer=viewer)
        self.routes = route_words()
        self.routes_then: AllWords = dict(self.routes)
        for kind, number, words in self.changes:
            if kind == "route":
                self.routes_then.pop(number, None)
                if words:
                    self.routes_then[number] = words

    def doubts(self) -> list[tuple[str, str]]:
        """(rule, doubt) of each that the drafts bring about, or that is about one of their rules."""
        if not any(kind == "route" for kind, _number, _words in self.changes):
            return []
        drafted = {number for kind, number, _words in self.changes if kind == "route"}
        known = set(check_routes(self.routes, {}))
        found = check_routes(self.routes_then, self.found.newly_unmatched)
        return [(self.rule_of(one), one.words) for one in found if one not in known or one.rule in drafted]

    def rule_of(self, doubt: Doubt) -> str:
        return self.route_name(doubt.rule) if doubt.rule is not None else _("Gap")

    def route_name(self, number: int | None) -> str:
        if number is None:
            return _("no route")
        words = self.routes_then.get(number) or self.routes.get(number)
        return name_of(number, words) if words else f"#{number}"

    def changes_table(self) -> Table:
        rows = [
            [self.change_name(kind, number, words), field, old, new]
            for kind, number, words in self.changes
            for field, old, new in changed_fields(kind, self.before[kind, number], words)
        ]
        headings = [_("Rule"), _("Field"), _("Now"), _("Then")]
        return Table(_("The change"), headings, rows, _("Nothing differs from what is saved."))

    def change_name(self, kind: str, number: int, words: Mapping[str, Any] | None) -> SafeString | str:
        before = self.before[kind, number]
        tone = badge(_("removed"), BAD) if words is None else badge(_("new"), MOVING) if before is None else None
        name = rule_name(kind, number, words or before or {})
        return format_html("{} {}", name, tone) if tone else name

    def tiles(self) -> list[tuple[str, str, str, str]]:
        """(tone, number, what it counts, what else to know) of each figure."""
        found = self.found
        tiles = [
            (WAITING, found.looked_at, _("parcels looked at"), _("the newest of the projects concerned")),
            (MOVING, found.decided_otherwise, _("decided otherwise"), _("%(n)s of them have arrived: they stay")),
            (DOUBTFUL, found.stand, _("stand until moved"), _("AfterShip tracks them already")),
            (BAD, found.lose_route, _("would lose their route"), _("%(n)s would gain one")),
            (BAD, found.lose_courier, _("would lose their carrier"), _("and are left to detection; %(n)s gain one")),
            (WAITING, found.chosen_by_hand, _("chosen by hand"), _("the rules say otherwise; they stay as chosen")),
        ]
        also = {1: found.finished, 3: found.gain_route, 4: found.gain_courier}
        return [
            (tone if number else WAITING, f"{number:,}", what, more % {"n": f"{also.get(at, 0):,}"})
            for at, (tone, number, what, more) in enumerate(tiles)
        ]

    def shifts_table(self) -> Table:
        """From → to, the most parcels first."""
        shifts = [(what, *pair, n) for what, pairs in self.found.changes.items() for pair, n in pairs.items()]
        rows = [
            [WHAT[what](), self.value(what, old), self.value(what, new), f"{number:,}"]
            for what, old, new, number in sorted(shifts, key=lambda shift: (shift[3] * -1, shift[0]))
        ]
        empty = _("None of these parcels is decided otherwise.")
        return Table(_("Who would move"), [_("What"), _("From"), _("To"), _("Parcels")], rows, empty)

    def value(self, what: str, value: Any) -> str:
        if what == "route":
            return self.route_name(value)
        if what == "is_tracked":
            return _("yes") if value else _("no")
        if what == "courier":
            return value or _("left to detection")
        return value or NOTHING

    def samples_table(self) -> Table:
        rows = [self.sample(one) for one in self.found.samples[:MOST_SHOWN]]
        more = self.found.decided_otherwise - len(rows)
        return Table(
            _("For example"),
            [_("Parcel"), _("What the rules see"), _("Now"), _("Then"), _("When")],
            rows,
            _("No parcel."),
            more=_("%(n)s more are not listed.") % {"n": f"{more:,}"} if more > 0 else "",
        )

    def sample(self, one: Sample) -> list[Any]:
        facts = one.facts
        place = f"{facts.project}/{facts.store}" if facts.store else facts.project
        parts = (facts.country, facts.carrier, _("return") if facts.is_return else "")
        url = reverse("admin:tracking_parcel_change", args=[one.parcel_id])
        return [
            format_html('<a class="tb-link" href="{}">{}</a>', url, one.number),
            two_lines(place, " · ".join(part for part in parts if part)),
            self.outcome(one.before),
            self.outcome(one.after),
            badge(_("only if moved"), DOUBTFUL) if one.stands else badge(_("when read next"), MOVING),
        ]

    def outcome(self, outcome: Outcome) -> SafeString | str:
        if not outcome.is_tracked:
            return two_lines(_("not tracked"), self.route_name(outcome.route))
        what = f"{outcome.account} · {outcome.courier or _('left to detection')}"
        return two_lines(what, lines([part for part in (self.route_name(outcome.route), outcome.brand) if part]))


WHAT = {
    "route": lambda: _("Route"),
    "is_tracked": lambda: _("Tracked"),
    "account": lambda: _("Account"),
    "courier": lambda: _("Courier"),
    "brand": lambda: _("Brand"),
}


def words_now(rules: Sequence[tuple[str, int]]) -> dict[tuple[str, int], dict[str, Any] | None]:
    """Each rule (kind, id) in words as it stands, None where there is none; one query per kind."""
    found: dict[tuple[str, int], dict[str, Any] | None] = dict.fromkeys(rules)
    for kind in {kind for kind, _number in rules}:
        rows = KINDS[kind].objects.select_related(*links_of(kind))
        found |= {(kind, row.pk): snapshot(row) for row in rows.filter(pk__in=[n for one, n in rules if one == kind])}
    return found


def rule_name(kind: str, number: int, words: Mapping[str, Any]) -> str:
    """A rule of any kind as a person tells it from others."""
    if kind == "route":
        return name_of(number, words)
    model = str(KINDS[kind]._meta.verbose_name)
    if kind == "carrier_mapping":
        scope = words["channel"] or words["store"] or words["project"] or _("everywhere")
        return f"{words['carrier']} → {words['courier']} ({scope})"
    return f"{model} {words['courier'] or '*'} {words['code']} → {words['status']}"
