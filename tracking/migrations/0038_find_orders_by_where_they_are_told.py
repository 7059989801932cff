from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models.functions import Lower


def in_small_letters(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """Addresses that were given by hand, as search and erasure look for them."""
    for model, name in (("Order", "message_email"), ("Message", "recipient")):
        rows = apps.get_model("tracking", model).objects.exclude(**{name: ""}).exclude(**{name: Lower(name)})
        rows.update(**{name: Lower(name)})


class Migration(migrations.Migration):

    dependencies = [
        ('stores', '0013_brands_lead_to_the_web'),
        ('tracking', '0037_each_number_once_to_find_it_by_a_piece'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='order',
            index=models.Index(condition=models.Q(('message_email', ''), _negated=True), fields=['message_email'], name='order_told_elsewhere'),
        ),
        migrations.RunPython(in_small_letters, migrations.RunPython.noop),
    ]
