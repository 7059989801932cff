from datetime import timedelta

from django.db import migrations, models

COLUMNS = "project_id, store_id, course, previous"
NUMBERS = ("orders", "ripe_30", "ripe_60", "ripe_90", "again_30", "again_60", "again_90")


def add_up(apps, schema_editor):
    """The months of the days that are there."""
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        for first in apps.get_model("analytics", "RepeatDay").objects.using(connection.alias).dates("day", "month"):
            after = (first + timedelta(days=32)).replace(day=1)
            cursor.execute(
                f"INSERT INTO analytics_repeatmonth (day, {COLUMNS}, {', '.join(NUMBERS)}) "
                f"SELECT %s, {COLUMNS}, {', '.join(f'SUM({name})' for name in NUMBERS)} FROM analytics_repeatday "
                f"WHERE day >= %s AND day < %s GROUP BY {COLUMNS}",
                [connection.ops.adapt_datefield_value(one) for one in (first, first, after)],
            )


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0010_spreads_read_from_their_index'),
    ]

    operations = [
        migrations.CreateModel(
            name='RepeatMonth',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('project_id', models.BigIntegerField()),
                ('store_id', models.BigIntegerField(default=0)),
                ('course', models.CharField(choices=[('on_time', 'On time'), ('late', 'Late'), ('problem', 'With a problem'), ('undated', 'Arrived; nothing was promised or estimated'), ('open', 'Not ended yet'), ('nameless', 'Without an address to know the shopper by')], max_length=10)),
                ('previous', models.IntegerField(default=0, help_text="Day (ordinal) of the shopper's order before in this store that has ended; 0: none.")),
                ('orders', models.IntegerField(default=0)),
                ('ripe_30', models.IntegerField(default=0)),
                ('ripe_60', models.IntegerField(default=0)),
                ('ripe_90', models.IntegerField(default=0)),
                ('again_30', models.IntegerField(default=0)),
                ('again_60', models.IntegerField(default=0)),
                ('again_90', models.IntegerField(default=0)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('day', 'project_id', 'store_id', 'course', 'previous'), name='repeat_month_once')],
            },
        ),
        migrations.RunPython(add_up, migrations.RunPython.noop),
    ]
