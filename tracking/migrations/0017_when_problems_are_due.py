from datetime import timedelta

from django.db import migrations
from django.db.models import F


def fill(apps, schema_editor):
    """Problems that were open before there was a time for it: due a day after they opened. Safe to repeat."""
    Problem = apps.get_model("tracking", "Problem")
    Problem.objects.filter(due_at=None, closed_at=None).update(due_at=F("opened_at") + timedelta(days=1))


class Migration(migrations.Migration):
    dependencies = [("tracking", "0016_queues_usual_waits_and_outages")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
