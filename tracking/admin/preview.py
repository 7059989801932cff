"""``/admin/preview/``: every message and the page in every language and brand, before a shopper sees any of it.

page: what to look at (GET) ─> the envelope, frames (wide and narrow, light and dark), the plain text
frame: one mail, or the shopper's page, as a document of its own (tracking/admin/preview_frames.py)

With an order's number the facts are that order's, as it is now; else those of an order that never was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from stores.models import Brand
from stores.statuses import MessageKind
from tracking.models import Order
from tracking.notifications.content import MailFacts, Promotion
from tracking.notifications.render import Rendered, render
from tracking.notifications.samples import sample
from tracking.services.links import track_url
from tracking.services.order_facts import facts_of_order
from tracking.services.scope import visible
from tracking.words.languages import LANGUAGES

PERMISSION = "stores.view_brand"
ONE, SEVERAL = "one", "several"
PAGE, REMINDER = "page", "reminder"
OF_MAILS = [
    {"title": _("Wide, light"), "width": "wide", "scheme": "light"},
    {"title": _("Narrow, light"), "width": "narrow", "scheme": "light"},
    {"title": _("Wide, dark"), "width": "wide", "scheme": "dark"},
    {"title": _("Narrow, dark"), "width": "narrow", "scheme": "dark"},
]
OF_PAGES = [{"title": _("Wide"), "width": "wide"}, {"title": _("Narrow"), "width": "narrow"}]
OFFER = Promotion(text="20 % off everything for the next trip", label="To the offers", url="https://shop.example.com/")


class PreviewForm(forms.Form):
    """What to look at. An order is found only by who may see it."""

    brand = forms.ChoiceField(label=_("Brand"))
    kind = forms.ChoiceField(
        label=_("Message"),
        choices=[
            (PAGE, _("Tracking page")),
            *MessageKind.choices,
            (REMINDER, _("Available for pickup: reminder")),
        ],
    )
    language = forms.ChoiceField(label=_("Language"), choices=list(LANGUAGES.items()))
    parcels = forms.ChoiceField(
        label=_("Sample"), choices=[(ONE, _("One parcel")), (SEVERAL, _("Three parcels, a part not shipped"))]
    )
    order = forms.CharField(label=_("Or a real order"), required=False, max_length=256)

    def __init__(self, user: Any, query: Any) -> None:
        brands = list(Brand.objects.values_list("key", "name"))
        first = brands[0][0] if brands else ""
        defaults = {"brand": first, "kind": MessageKind.SHIPPED.value, "language": "en", "parcels": ONE, "order": ""}
        super().__init__({name: query.get(name) or default for name, default in defaults.items()})
        self.fields["brand"].choices = brands
        self.user = user

    def clean_order(self) -> Order | None:
        """The newest order of this number that this person may see."""
        number = self.cleaned_data["order"].strip()
        if not number:
            return None
        orders = Order.objects.filter(order_number=number, deleted_at=None).select_related("project", "store")
        found = visible(self.user, orders).order_by("-pk").first()
        if found is None or not self.user.has_perm("tracking.view_order"):
            raise forms.ValidationError(_("There is no order %(number)s.") % {"number": number})
        return found


@dataclass(frozen=True)
class Choice:
    """A checked choice. ``kind`` is None for the page, ``order`` for the sample."""

    brand: Brand
    kind: MessageKind | None
    language: str
    order: Order | None
    has_several: bool
    is_reminder: bool = False

    def mail(self) -> Rendered | None:
        """The mail; None for the page, and for an order without parcels: there is nothing to write about."""
        if self.kind is None:
            return None
        facts = self.facts(self.kind)
        return render(self.kind, facts, self.brand, self.language) if facts.parcels else None

    def facts(self, kind: MessageKind) -> MailFacts:
        if self.order is None:
            facts = sample(kind, timezone.localdate(), several=self.has_several, promotion=OFFER)
        else:
            facts = MailFacts(order=facts_of_order(self.order), page_url=track_url(self.order))
        return replace(facts, is_reminder=self.is_reminder)


def choice_of(form: PreviewForm) -> Choice | None:
    """What is to be shown; None where the choice is not valid."""
    if not form.is_valid():
        return None
    chosen = form.cleaned_data
    is_reminder = chosen["kind"] == REMINDER
    kind = MessageKind.AVAILABLE_FOR_PICKUP.value if is_reminder else chosen["kind"]
    return Choice(
        brand=Brand.objects.get(key=chosen["brand"]),
        kind=None if kind == PAGE else MessageKind(kind),
        language=chosen["language"],
        order=chosen["order"],
        has_several=chosen["parcels"] == SEVERAL,
        is_reminder=is_reminder,
    )


def chosen(request: HttpRequest) -> tuple[PreviewForm, Choice | None]:
    """The form and what was chosen. Raises PermissionDenied for who may not see brands."""
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    form = PreviewForm(request.user, request.GET)
    return form, choice_of(form)


@require_safe
def preview_page(request: HttpRequest) -> HttpResponse:
    """The choice, and what comes of it."""
    form, choice = chosen(request)
    mail = choice.mail() if choice else None
    is_page = choice is not None and choice.kind is None
    query = urlencode({name: form.data[name] for name in form.fields})
    frame = reverse("preview-shop" if is_page else "preview-mail")
    windows = OF_PAGES if is_page else OF_MAILS if mail else []
    context = {
        **admin.site.each_context(request),
        "title": _("Preview"),
        "form": form,
        "mail": mail,
        "choice": choice,
        "windows": [{**one, "url": f"{frame}?{query}&scheme={one.get('scheme', '')}"} for one in windows],
    }
    request.current_app = admin.site.name
    return TemplateResponse(request, "admin/tracking/preview.html", context)
