"""The size that rests at each price of a book, which was summed over all open orders before."""

from django.db import migrations, models

FILL = (
    "INSERT INTO markets_pricelevel (market_id, side, price, size, orders)"
    " SELECT market_id, side, price, CAST(sum(open) AS bigint), count(*) FROM markets_order WHERE open > 0"
    " GROUP BY market_id, side, price"
)


class Migration(migrations.Migration):
    dependencies = [("markets", "0005_worst_case")]

    operations = [
        migrations.CreateModel(
            name="PriceLevel",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "market_id", "side", "price", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("market_id", models.BigIntegerField()),
                ("side", models.SmallIntegerField(choices=[(1, "bid"), (2, "offer")])),
                ("price", models.BigIntegerField()),
                ("size", models.BigIntegerField()),
                ("orders", models.IntegerField()),
            ],
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
