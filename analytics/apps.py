"""What it means: delivery performance."""

from django.apps import AppConfig
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class AnalyticsConfig(AppConfig):
    """Figures stand on tracking, which knows nothing of them."""

    name = "analytics"
    verbose_name = _("Analytics")

    def ready(self) -> None:
        """Hand in what this app adds to tracking: its jobs, who may see its rows, its schedules."""
        from analytics.rebuild import bring_up_to_date
        from analytics.summaries import send_summary
        from tracking.enums import JobKind
        from tracking.services import handlers
        from tracking.services.scope import add_rule, by_store, everyone, nobody
        from tracking.tasks import add_schedule

        handlers.register(JobKind.FACTS, bring_up_to_date)
        handlers.register(JobKind.SUMMARY, send_summary)
        add_rule("analytics.Slice", by_store("store_id"))
        for model in ("ParcelFact", "DayCount", "DayBucket"):
            add_rule(f"analytics.{model}", by_store("slice__store_id"))
        for model in ("FigureState", "ServiceDay"):
            add_rule(f"analytics.{model}", everyone)
        for model in ("RepeatDay", "RepeatMonth", "MailDay"):
            add_rule(f"analytics.{model}", by_store("store_id"))
        add_rule("analytics.RepeatMark", nobody)
        add_rule("analytics.Summary", lambda stores: Q(store=None) | Q(store__in=stores))
        add_schedule("trackbridge summaries", "analytics.tasks.run_summaries", minutes=60)
        add_schedule("trackbridge service", "analytics.tasks.run_service", minutes=5)
        add_schedule("trackbridge repeat", "analytics.tasks.run_repeat", minutes=10)
