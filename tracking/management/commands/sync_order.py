from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.correlation import new_correlation_id
from stores.models import Project
from tracking.clients.errors import NotFound, UpstreamError
from tracking.enums import JobKind
from tracking.models import Order
from tracking.services import connections, jobs
from tracking.services.collect import collect_order, store_order


class Command(BaseCommand):
    help = "Read one order from commercetools now, known to us or not, and write what it lacks."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="Key of the project.")
        parser.add_argument("order", help="Order number, or commercetools id.")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(key=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']}.")
        try:
            order = self.read(project, options["order"])
        except UpstreamError as error:
            raise CommandError(str(error)) from error
        upstream = connections.upstream_key(project)
        jobs.want([jobs.Wish(JobKind.WRITE_BACK, str(order.pk), upstream, order.correlation_id)])
        order.refresh_from_db()
        parcels = order.parcels.filter(removed_at=None).count()
        gone = " It is deleted in commercetools." if order.deleted_at else ""
        self.stdout.write(f"Order {order}: version {order.version}, {parcels} parcels, {order.correlation_id}.{gone}")

    def read(self, project: Project, name: str) -> Order:
        """The order by number or id, read fresh. Raises CommandError where commercetools does not know it."""
        known = Order.objects.filter(project=project)
        order = known.filter(order_number=name).first() or known.filter(commercetools_id=name).first()
        if order:
            collect_order(order.pk)
            return order
        client = connections.commercetools(project)
        try:
            document = client.get_order_by_number(name)
        except NotFound:
            try:
                document = client.get_order(name)
            except NotFound as error:
                raise CommandError(f"commercetools knows no order {name} in {project}.") from error
        order, _ = known.get_or_create(
            project=project, commercetools_id=document["id"], defaults={"correlation_id": new_correlation_id()}
        )
        return store_order(order, document)
