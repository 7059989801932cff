"""What moves: orders, parcels, trackings, and the road between the two upstreams."""

from django.apps import AppConfig
from django.apps import apps as django_apps
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class TrackingConfig(AppConfig):
    """The bridge itself: parcels, their news, what is written and told."""

    name = "tracking"
    verbose_name = _("Tracking")

    def ready(self) -> None:
        """Roles get their permissions once these are made: by Django, after migrations, app by app.

        Triggers give way to migrations, and come back after them. What mail providers say of mails is heard.
        Modules that keep personal data register what empties it.
        """
        from tracking import triggers
        from tracking.notifications import provider_events  # noqa: F401
        from tracking.services import erase_copies, erasers  # noqa: F401  register
        from tracking.services.roles import OURS, keep_roles

        for app in OURS:
            post_migrate.connect(keep_roles, sender=django_apps.get_app_config(app), dispatch_uid=f"roles of {app}")
        pre_migrate.connect(triggers.remove, sender=self, dispatch_uid="trackbridge triggers")
        post_migrate.connect(triggers.install, sender=self, dispatch_uid="trackbridge triggers")
