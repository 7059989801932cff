"""Give rules that are there already the keys that tell them apart: routes by conditions, mappings by carrier text."""

from django.db import migrations, models

from stores.carriers import normalise_carrier
from stores.routing import conditions_key


def key_routes(apps, schema_editor):
    Route = apps.get_model("stores", "Route")
    for route in Route.objects.all():
        route.conditions_key = conditions_key(store=route.store_id, direction=route.direction, is_default=False)
        route.save(update_fields=["conditions_key"])


def key_mappings(apps, schema_editor):
    """Spacing makes no difference any more. Of two that say the same now, the older stays if they agree."""
    CarrierMapping = apps.get_model("stores", "CarrierMapping")
    kept = {}
    for mapping in CarrierMapping.objects.order_by("pk"):
        mapping.carrier_key = normalise_carrier(mapping.carrier)
        first = kept.setdefault((mapping.carrier_key, mapping.project_id, mapping.store_id), mapping)
        if first is mapping:
            mapping.save(update_fields=["carrier_key"])
        elif first.courier_id == mapping.courier_id:
            mapping.delete()
        else:
            raise ValueError(
                f"Carrier mappings '{first.carrier}' and '{mapping.carrier}' are one text now and lead to different "
                "couriers. Remove one of them, then migrate again."
            )


class Migration(migrations.Migration):
    dependencies = [("stores", "0002_each_storefront")]
    operations = [
        migrations.RunPython(key_routes, migrations.RunPython.noop),
        migrations.RunPython(key_mappings, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="route",
            constraint=models.UniqueConstraint(fields=("project", "conditions_key"), name="route_once_per_conditions"),
        ),
    ]
