"""On PostgreSQL the key of spreads carries their number: a page sums them up from the index alone.

It costs a change nothing: ``day_bucket_empty`` looks at the number already, so each change writes to the indexes anyway.
Django can say so of a UniqueConstraint (``include``), but then makes none at all on SQLite.

What is read from an index has to be known as visible to all, which VACUUM notes: so it runs after two of a hundred rows
have changed rather than after twenty.
"""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

KEY = "cohort, spread, day, slice_id, bucket"
VACUUM = ("autovacuum_vacuum_scale_factor", "autovacuum_vacuum_insert_scale_factor")


def cover(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    change(schema_editor, f"UNIQUE ({KEY}) INCLUDE (number)", f"SET ({', '.join(f'{name} = 0.02' for name in VACUUM)})")


def uncover(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    change(schema_editor, f"UNIQUE ({KEY})", f"RESET ({', '.join(VACUUM)})")


def change(schema_editor: BaseDatabaseSchemaEditor, unique: str, vacuum: str) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute(
        "ALTER TABLE analytics_daybucket DROP CONSTRAINT day_bucket_once, "
        f"ADD CONSTRAINT day_bucket_once {unique}, {vacuum}"
    )


class Migration(migrations.Migration):
    dependencies = [("analytics", "0009_sums_without_an_index_of_slices")]
    operations = [migrations.RunPython(cover, uncover)]
