"""The tables of what the engine knows, for pages, REST and the console. markets/journal/ is their only writer.

JournalEntry is the truth. The other tables follow from it, and `manage.py verify` proves them row for row. Foreign keys
have no database constraint: the proof covers them, a constraint costs a lookup per row, and the database must not
refuse what the engine has accepted.

Units: price 1/100 chip, size 1/100, value, cost and amount 1/10,000 chip, times UTC microseconds.
"""

from django.db import models

from accounts.fields import EngineId
from accounts.models import Account
from realtime.limits import (
    CATEGORY_CHARACTERS_MAX,
    KEY_CHARACTERS_MAX,
    MARKET_NAME_CHARACTERS_MAX,
    REASON_CHARACTERS_MAX,
)


class MarketStatus(models.IntegerChoices):
    OPEN = 1, "open"
    CANCEL_ONLY = 2, "cancel only"
    PAUSED = 3, "paused"
    CLOSED = 4, "closed"
    SETTLED = 5, "settled"


class Side(models.IntegerChoices):
    BID = 1, "bid"
    OFFER = 2, "offer"


class TimeInForce(models.IntegerChoices):
    GTC = 0, "good till cancelled"
    IOC = 1, "immediate or cancel"
    FOK = 2, "fill or kill"


class Market(models.Model):
    """A market's definition, status and latest figures."""

    id = EngineId(primary_key=True)
    name = models.CharField(max_length=MARKET_NAME_CHARACTERS_MAX)
    name_key = models.TextField(db_index=True, help_text="NFKC + casefold of the name, unique in the engine.")
    description = models.TextField(blank=True)
    owner = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="markets", db_constraint=False)
    min_settlement = models.BigIntegerField()
    max_settlement = models.BigIntegerField()
    tick_size = models.BigIntegerField()
    smallest_size = models.BigIntegerField()
    status = models.SmallIntegerField(choices=MarketStatus)
    settle_price = models.BigIntegerField(null=True)
    last_price = models.BigIntegerField(null=True)
    creator = models.BigIntegerField(help_text="User id of the person who made it.")
    created_us = models.BigIntegerField()
    seq = models.BigIntegerField(help_text="The command that created it.")
    category = models.CharField(max_length=CATEGORY_CHARACTERS_MAX, blank=True, default="")
    pinned = models.BooleanField(default=False)
    hide_account_ids = models.BooleanField(default=False)
    volume = models.BigIntegerField(default=0, help_text="The sizes of all its trades.")
    # No columns. markets/reads/visibility.py sets how much of the market the viewer sees, and whether the account that
    # the viewer acts as may trade there.
    degree: int
    may_trade: bool

    class Meta:
        ordering = ("id",)
        permissions = (
            ("operate_exchange", "Can operate the exchange (turn on sudo)"),
            ("view_exchange", "Can look at everything of the exchange in the operator console"),
        )

    def __str__(self) -> str:
        return self.name


class MarketVisibility(models.Model):
    """An account on a market's list. It may trade there, and whoever may act as it sees the market.

    A market without such rows is for everybody (rules, section 4, Visibility).
    """

    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="listed", db_constraint=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="sees", db_constraint=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("market", "account"), name="visibility_once"),)
        verbose_name_plural = "market visibility"

    def __str__(self) -> str:
        return f"{self.market_id} is visible to {self.account_id}"


class Order(models.Model):
    """An accepted order, open or finished. filled + open + cancelled = size."""

    id = EngineId(primary_key=True)
    market = models.ForeignKey(Market, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    side = models.SmallIntegerField(choices=Side)
    price = models.BigIntegerField()
    size = models.BigIntegerField()
    open = models.BigIntegerField()
    filled = models.BigIntegerField()
    cancelled = models.BigIntegerField()
    time_in_force = models.SmallIntegerField(choices=TimeInForce)
    post_only = models.BooleanField()
    client_order_id = models.CharField(max_length=KEY_CHARACTERS_MAX, blank=True)
    created_us = models.BigIntegerField()
    seq = models.BigIntegerField()

    class Meta:
        ordering = ("id",)
        indexes = (
            models.Index(fields=("market", "id"), condition=models.Q(open__gt=0), name="order_open_by_market"),
            models.Index(fields=("account", "id"), name="order_by_account"),
        )

    def __str__(self) -> str:
        return f"order {self.id}"


class PriceLevel(models.Model):
    """What rests at one price of a book: the open size of `orders` orders together. No row if no order rests there.

    It follows from the open orders. Pages read it, so that a book costs as much with few orders as with many.
    """

    pk = models.CompositePrimaryKey("market_id", "side", "price")
    market_id = models.BigIntegerField()
    side = models.SmallIntegerField(choices=Side)
    price = models.BigIntegerField()
    size = models.BigIntegerField()
    orders = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.size} at {self.price} in {self.market_id}"


class Trade(models.Model):
    """A trade: the fields of the event Traded, and its seq."""

    id = EngineId(primary_key=True)
    market = models.ForeignKey(Market, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    price = models.BigIntegerField()
    size = models.BigIntegerField()
    buyer = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="bought", db_constraint=False, db_index=False
    )
    seller = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="sold", db_constraint=False, db_index=False
    )
    taker_side = models.SmallIntegerField(choices=Side)
    maker_order = models.BigIntegerField()
    maker_open = models.BigIntegerField(help_text="What was left of the resting order.")
    taker_order = models.BigIntegerField()
    taker_open = models.BigIntegerField(help_text="What was left of the incoming order.")
    at_us = models.BigIntegerField()
    seq = models.BigIntegerField()

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("market", "id"), name="trade_by_market"),)

    def __str__(self) -> str:
        return f"trade {self.id}"


class Exposure(models.Model):
    """What an account has at stake in a market (rules, section 6)."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_constraint=False, db_index=False)
    market = models.ForeignKey(Market, on_delete=models.PROTECT, db_constraint=False)
    position = models.BigIntegerField()
    bid_size = models.BigIntegerField()
    bid_value = models.BigIntegerField()
    offer_size = models.BigIntegerField()
    offer_value = models.BigIntegerField()
    worst_case = models.BigIntegerField()
    cost = models.BigIntegerField(help_text="Of the position; negative for a short.")
    realised = models.BigIntegerField(help_text="Profit of what was closed.")
    traded = models.BooleanField(default=False, help_text="Whether it ever was a side of a trade there.")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("account", "market"), name="exposure_once"),)

    def __str__(self) -> str:
        return f"exposure of {self.account_id} in {self.market_id}"


class Payout(models.Model):
    """What a settlement paid to a holder, position x price: the fields of the event PaidOut, and its seq."""

    market = models.ForeignKey(Market, on_delete=models.PROTECT, db_constraint=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, db_constraint=False)
    position = models.BigIntegerField()
    price = models.BigIntegerField()
    amount = models.BigIntegerField()
    seq = models.BigIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("market", "account"), name="payout_once"),)

    def __str__(self) -> str:
        return f"payout to {self.account_id} in {self.market_id}"


class JournalEntry(models.Model):
    """An accepted command. Triggers keep the table append-only, and `hash` chains each entry to the one before."""

    seq = EngineId(primary_key=True)
    at_us = models.BigIntegerField()
    principal = models.BigIntegerField(help_text="User id of the person, 0 for the exchange itself.")
    account = models.BigIntegerField(help_text="The account acted as.")
    kind = models.CharField(max_length=32)
    rules = models.SmallIntegerField(help_text="Version of the rules that were applied.")
    key = models.CharField(
        max_length=KEY_CHARACTERS_MAX, blank=True, help_text="Idempotency key, of the acting account."
    )
    command = models.BinaryField()
    events = models.BinaryField()
    hash = models.BinaryField(max_length=32)
    reason = models.CharField(
        max_length=REASON_CHARACTERS_MAX, blank=True, default="", help_text="Why, in the words of who asked."
    )

    class Meta:
        ordering = ("seq",)
        verbose_name_plural = "journal entries"
        indexes = (models.Index(fields=("account", "seq"), condition=~models.Q(key=""), name="journal_keys"),)

    def __str__(self) -> str:
        return f"{self.seq} {self.kind}"


class JournalMarket(models.Model):
    """An entry that touched a market: the index by which a market's entries are found."""

    pk = models.CompositePrimaryKey("market_id", "seq")
    market_id = models.BigIntegerField()
    seq = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.market_id} at {self.seq}"


class MarketCheckpoint(models.Model):
    """A market's state at a seq, stored every few thousand of its entries, so that a past state is found quickly."""

    pk = models.CompositePrimaryKey("market_id", "seq")
    market_id = models.BigIntegerField()
    seq = models.BigIntegerField()
    state = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.market_id} as of {self.seq}"
