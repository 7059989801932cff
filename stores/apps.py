"""Who ships: connections, storefronts, and the rules that join them."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StoresConfig(AppConfig):
    name = "stores"
    verbose_name = _("Routing and connections")

    def ready(self) -> None:
        """Registers the checks of the settings."""
        from config import checks  # noqa: F401
