"""The auction board as a table for pages, REST and the console. Only the journal writes it.

Foreign keys have no database constraint: a constraint costs a lookup per row, and `manage.py verify` proves the keys.
Prices are in 1/10,000 chip, times in UTC microseconds.
"""

from django.db import models

from accounts.fields import EngineId
from accounts.models import Account
from realtime.limits import AUCTION_NAME_CHARACTERS_MAX

PICTURE_STEM_CHARACTERS = 32
PICTURE_SUFFIX = ".webp"
PICTURE_NAME_CHARACTERS = PICTURE_STEM_CHARACTERS + len(PICTURE_SUFFIX)


class AuctionStatus(models.IntegerChoices):
    OPEN = 1, "open"
    WITHDRAWN = 2, "withdrawn"
    SETTLED = 3, "sold"


class Auction(models.Model):
    id = EngineId(primary_key=True)
    seller = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="auctions", db_constraint=False)
    name = models.CharField(max_length=AUCTION_NAME_CHARACTERS_MAX)
    description = models.TextField(blank=True)
    picture = models.CharField(max_length=PICTURE_NAME_CHARACTERS, blank=True, help_text="File name of the picture.")
    buy_now_price = models.BigIntegerField(null=True)
    status = models.SmallIntegerField(choices=AuctionStatus)
    buyer = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, related_name="auctions_won", db_constraint=False
    )
    settle_price = models.BigIntegerField(null=True)
    creator = models.BigIntegerField(help_text="User id of the person who listed it.")
    created_us = models.BigIntegerField()
    seq = models.BigIntegerField(help_text="The command that created it.")

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name
