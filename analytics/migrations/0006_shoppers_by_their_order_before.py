from django.db import migrations, models


def look_again(apps, schema_editor):
    """What was counted were orders: every day is looked at anew by the worker."""
    apps.get_model("analytics", "RepeatMark").objects.all().delete()


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0005_weekly_summaries'),
    ]

    operations = [
        migrations.RunPython(look_again, migrations.RunPython.noop, elidable=True),
        migrations.RemoveConstraint(
            model_name='repeatday',
            name='repeat_day_once',
        ),
        migrations.AddField(
            model_name='repeatday',
            name='previous',
            field=models.IntegerField(default=0, help_text="Day (ordinal) of the shopper's order before in this store that has ended; 0: none."),
        ),
        migrations.AddConstraint(
            model_name='repeatday',
            constraint=models.UniqueConstraint(fields=('day', 'project_id', 'store_id', 'course', 'previous'), name='repeat_day_once'),
        ),
        migrations.AddConstraint(
            model_name='repeatday',
            constraint=models.CheckConstraint(condition=models.Q(('ripe_30__lte', models.F('orders')), ('ripe_60__lte', models.F('ripe_30')), ('ripe_90__lte', models.F('ripe_60'))), name='repeat_day_ripe_not_above_orders'),
        ),
    ]
