"""A permission that nothing asked for goes, from the model and from whoever was given it: previews ask for "view"."""

from typing import Any

from django.db import migrations


def take_away(apps: Any, schema_editor: Any) -> None:
    apps.get_model("auth", "Permission").objects.filter(
        codename="preview_brand", content_type__app_label="stores"
    ).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("stores", "0011_storefronts_that_embed"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.AlterModelOptions(name="brand", options={"ordering": ["key"]}),
        migrations.RunPython(take_away, migrations.RunPython.noop),
    ]
