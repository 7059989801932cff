"""What brands offer their shoppers, edited with a preview; and what shoppers do, as counts per day.

The slot holds one promotion per brand and language: of those that run on a day, the one that began last.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from config.people import viewer
from stores.admin import NOTHING, ConsoleAdmin, LookedAtOnly, RelatedFilter
from tracking.admin.display import DOUBTFUL, GOOD, WAITING, badge, day
from tracking.enums import ParcelStatus, ShopperEvent, ShopperPlace
from tracking.models import Promotion, ShopperCount
from tracking.pages.language import enabled
from tracking.pages.look import look_of
from tracking.services.scope import visible
from tracking.words.languages import tag

FIGURES_DAYS = 30


class PromotionForm(forms.ModelForm):
    """Refuses a language that the brand does not speak, and a link that is not https, by name."""

    def clean_language(self) -> str:
        return tag(self.cleaned_data["language"])

    def clean_link(self) -> str:
        link: str = self.cleaned_data["link"]
        if not link.startswith("https://"):
            raise forms.ValidationError(_("Only https:// links are shown to shoppers."))
        return link

    def clean(self) -> dict[str, Any]:
        facts = super().clean() or self.cleaned_data
        brand, language = facts.get("brand"), facts.get("language")
        if brand and language and language not in {tag(one) for one in enabled(brand)}:
            self.add_error("language", _("%(brand)s does not speak it.") % {"brand": brand})
        if facts.get("starts_on") and facts.get("ends_on") and facts["ends_on"] < facts["starts_on"]:
            self.add_error("ends_on", _("It would end before it begins."))
        if not facts.get("on_page") and not facts.get("on_mail"):
            self.add_error("on_page", _("Choose at least one place."))
        return facts


@admin.register(Promotion)
class PromotionAdmin(ConsoleAdmin):
    """One slot per brand and language; figures without a trace of anybody."""

    form = PromotionForm
    list_display = ["headline", "brand", "language", "runs", "state", "shown_number", "click_number", "rate"]
    list_select_related = ["brand"]
    list_filter = [("brand", RelatedFilter), "language"]
    ordering = ["-starts_on", "brand", "language"]
    search_fields = ["headline", "text"]
    search_help_text = _("Words of it")
    fields = [
        *("brand", "language", "headline", "text", "button", "link", "starts_on", "ends_on", "on_page", "on_mail"),
        *("preview", "figures"),
    ]
    readonly_fields = ["preview", "figures"]
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Promotion]:
        """With what was counted, as far as this person may see it."""
        mine = visible(request.user, ShopperCount.objects.all()).order_by()
        rows: QuerySet[Promotion] = super().get_queryset(request)
        for event in (ShopperEvent.SHOWN, ShopperEvent.CLICK):
            rows = rows.annotate(**{f"{event}_sum": summed(mine, event)})
        return rows

    def has_delete_permission(self, request: HttpRequest, obj: Promotion | None = None) -> bool:
        """One that was shown is ended, not deleted: its figures belong to it."""
        is_shown = obj is not None and obj.counts.exists()
        return super().has_delete_permission(request, obj) and not is_shown

    def save_model(self, request: HttpRequest, obj: Promotion, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        for other in alongside(obj):
            first, second = sorted((other, obj), key=lambda one: one.starts_on)
            words = _("From %(day)s on “%(second)s” is shown instead of “%(first)s”.")
            facts = {"day": second.starts_on, "second": second.headline, "first": first.headline}
            self.message_user(request, words % facts, messages.WARNING)

    @admin.display(description=_("runs"), ordering="starts_on")
    def runs(self, promotion: Promotion) -> str:
        return f"{day(promotion.starts_on)} – {day(promotion.ends_on) if promotion.ends_on else '…'}"

    @admin.display(description=_("state"))
    def state(self, promotion: Promotion) -> SafeString:
        today = timezone.localdate()
        if promotion.starts_on > today:
            return badge(_("planned"), WAITING)
        is_over = promotion.ends_on is not None and promotion.ends_on < today
        return badge(_("ended"), DOUBTFUL) if is_over else badge(_("running"), GOOD)

    @admin.display(description=_("shown"), ordering="shown_sum")
    def shown_number(self, promotion: Promotion) -> int:
        return promotion.shown_sum

    @admin.display(description=_("clicks"), ordering="click_sum")
    def click_number(self, promotion: Promotion) -> int:
        return promotion.click_sum

    @admin.display(description=_("clicks per view"))
    def rate(self, promotion: Promotion) -> str:
        return share(promotion.click_sum, promotion.shown_sum)

    @admin.display(description=_("preview"))
    def preview(self, promotion: Promotion) -> SafeString | str:
        """As the page shows it, in the brand's colours; after saving."""
        if not promotion.pk:
            return str(_("Is shown after saving."))
        look = look_of(promotion.brand)
        return format_html(
            '<div class="tb-offer" lang="{}" style="border-color:{}"><strong>{}</strong><p>{}</p>'
            '<span class="tb-offer-button" style="background:{};color:{}">{}</span></div>',
            promotion.language, look["brand-ink"], promotion.headline, promotion.text,
            look["brand"], look["on-brand"], promotion.button,
        )  # fmt: skip

    @admin.display(description=_("last 30 days"))
    def figures(self, promotion: Promotion) -> SafeString | str:
        """Shown and followed by place and by the state that the order was in."""
        if not promotion.pk:
            return NOTHING
        rows = list(figures_of(visible(viewer(), promotion.counts.all())))
        body = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", rows)
        heads = (_("Place"), _("Order"), _("Shown"), _("Clicks"), _("Clicks per view"))
        head = format_html_join("", '<th scope="col">{}</th>', ((one,) for one in heads))
        return format_html('<table class="tb-figures"><tr>{}</tr>{}</table>', head, body) if rows else NOTHING


def summed(counts: QuerySet[ShopperCount], event: ShopperEvent) -> Any:
    """A promotion's sum of one event, as a column: zero without any."""
    mine = counts.filter(promotion=OuterRef("pk"), event=event).values("promotion").annotate(n=Sum("count"))
    return Coalesce(Subquery(mine.values("n")), 0)


def figures_of(counts: QuerySet[ShopperCount]) -> Iterable[tuple[Any, ...]]:
    """(place, state, shown, clicks, rate) of the last 30 days, most shown first."""
    since = timezone.localdate() - timedelta(days=FIGURES_DAYS)
    sums = {event: Coalesce(Sum("count", filter=Q(event=event)), 0) for event in ("shown", "click")}
    rows = (
        counts.filter(day__gte=since).order_by().values("place", "state").annotate(**sums).order_by("-shown", "state")
    )
    for row in rows:
        state = ParcelStatus(row["state"]).label if row["state"] else NOTHING
        yield ShopperPlace(row["place"]).label, state, row["shown"], row["click"], share(row["click"], row["shown"])


def share(part: int, whole: int) -> str:
    """A percentage of enough to be one: of fewer than twenty views it says nothing."""
    return f"{100 * part / whole:.1f} %" if whole >= 20 else NOTHING


def alongside(promotion: Promotion) -> QuerySet[Promotion]:
    """Others of this brand and language that run on one of its days, in one of its places."""
    last = promotion.ends_on or date.max
    places = (Q(on_page=True) if promotion.on_page else Q()) | (Q(on_mail=True) if promotion.on_mail else Q())
    rows = Promotion.objects.filter(places, brand=promotion.brand, language=promotion.language, starts_on__lte=last)
    return rows.filter(Q(ends_on=None) | Q(ends_on__gte=promotion.starts_on)).exclude(pk=promotion.pk)


@admin.register(ShopperCount)
class ShopperCountAdmin(LookedAtOnly, ConsoleAdmin):
    """What shoppers did, per day: how often pages were looked at, promotions shown and followed."""

    list_display = ["day", "event", "place", "state", "store", "promotion", "count"]
    list_select_related = ["store", "promotion__brand"]
    list_filter = ["event", "place", "state", ("store", RelatedFilter)]
    fields = ["day", "event", "place", "state", "store", "promotion", "count"]
    date_hierarchy = "day"
    ordering = ["-day", "-count"]
    list_display_links = None
