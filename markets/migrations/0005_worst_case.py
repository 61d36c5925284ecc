"""The column is named as the engine and the rules name the figure."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("markets", "0004_roles")]

    operations = [migrations.RenameField("exposure", "worst", "worst_case")]
