"""For engineers, at the end and folded: what was written, wished for, called and received, as it stands in the rows."""

from __future__ import annotations

from django.utils.translation import gettext as _

from tracking.admin import story
from tracking.admin.order_registry import ENGINEERS, Block, Folded, ShownOrder, order_section
from tracking.models import Attempt, Problem


@order_section(ENGINEERS)
def engineers_section(shown: ShownOrder) -> Block:
    """The rows behind the order, folded away from who does not ask for them."""
    order, codes = shown.order, shown.codes
    return Folded(
        _("For engineers"),
        _("What was written, wished for, called and received, under the codes of this order."),
        [
            story.problems_block(Problem.objects.filter(pk__in=[problem.pk for problem in shown.problems])),
            story.writes_block(order),
            story.jobs_block(story.jobs_of([order.pk], shown.trackings)),
            story.attempts_block(Attempt.objects.filter(correlation_id__in=codes), q=order.correlation_id),
            story.receipts_block(codes),
        ],
    )
