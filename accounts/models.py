"""Tables of people, tokens and accounts.

Django writes User and ApiToken. Only the journal writes Account, Ownership and Transfer.
"""

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone

from accounts.fields import EngineId
from accounts.revocation import announce
from realtime.limits import NOTE_CHARACTERS_MAX
from realtime.rights import WITHOUT_SUDO, scope_names

TOKEN_NAME_CHARACTERS_MAX = 80
NAME_COLUMN_CHARACTERS = 80  # width of Account.name; the engine allows fewer (ACCOUNT_NAME_CHARACTERS_MAX)


class User(AbstractUser):
    """A person who signs in. Staff with settings.OPERATOR_PERMISSION are operators."""

    def save(self, *args: Any, **kwargs: Any) -> None:
        """With a new password the person's API tokens end: whoever learnt the old one may have made some."""
        changed = getattr(self, "_password", None) is not None  # what set_password() was given
        super().save(*args, **kwargs)
        if changed:
            self.api_tokens.filter(revoked_at=None).update(revoked_at=timezone.now())
            announce()


class ApiToken(models.Model):
    """A bot's credential. Its secret is shown once; the table keeps a SHA-256 digest.

    The secret has 256 random bits, so it needs neither salt nor a slow hash.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=TOKEN_NAME_CHARACTERS_MAX)
    prefix = models.CharField(max_length=12, help_text="The token's first characters, to tell tokens apart.")
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    scopes = models.SmallIntegerField(default=WITHOUT_SUDO, help_text="Bits of realtime.rights.Scope.")
    account = models.ForeignKey(
        "Account",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="api_tokens",
        db_constraint=False,
        help_text="The only one that it may act as; none: all that are the person's.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def scope_names(self) -> list[str]:
        return scope_names(self.scopes)


class AccountKind(models.IntegerChoices):
    HOUSE = 1, "house"
    USER = 2, "user account"
    ALT = 3, "alt account"


class Account(models.Model):
    """An account that holds cash. Unit of cash and available: 1/10,000 chip."""

    id = EngineId(primary_key=True)
    name = models.CharField(max_length=NAME_COLUMN_CHARACTERS)
    name_key = models.TextField(db_index=True, help_text="NFKC + casefold of the name, unique in the engine.")
    kind = models.SmallIntegerField(choices=AccountKind)
    user = models.OneToOneField(User, on_delete=models.PROTECT, null=True, related_name="account", db_constraint=False)
    cash = models.BigIntegerField()
    available = models.BigIntegerField(help_text="Cash and the worst that open markets can come to.")
    creator = models.BigIntegerField(help_text="User id of the person who made it, 0 for the exchange itself.")
    seq = models.BigIntegerField(help_text="The command that created it.")

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.name


class Ownership(models.Model):
    """`owner` may act as `account` and owns `credit` of its money. Unit of credit: 1/10,000 chip."""

    owner = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="owned", db_constraint=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="owners", db_constraint=False)
    credit = models.BigIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("account", "owner"), name="ownership_once"),)

    def __str__(self) -> str:
        return f"{self.owner_id} owns {self.account_id}"


class TransferKind(models.IntegerChoices):
    PAYMENT = 1, "payment"
    DEPOSIT = 2, "deposit"
    WITHDRAWAL = 3, "withdrawal"
    GIFT = 4, "gift"
    STARTING_CASH = 5, "starting cash"
    COLLECTION = 6, "collection"
    AUCTION = 7, "auction"


class Transfer(models.Model):
    """An event Transferred with its seq. Unit of amount: 1/10,000 chip."""

    id = EngineId(primary_key=True)
    from_account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="paid", db_constraint=False, db_index=False
    )
    to_account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="received", db_constraint=False, db_index=False
    )
    amount = models.BigIntegerField()
    kind = models.SmallIntegerField(choices=TransferKind)
    note = models.CharField(max_length=NOTE_CHARACTERS_MAX, blank=True)
    at_us = models.BigIntegerField()
    auction = models.BigIntegerField(default=0, help_text="What it was paid for, 0 for no auction.")
    seq = models.BigIntegerField()

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("from_account", "id"), name="transfer_by_payer"),
            models.Index(fields=("to_account", "id"), name="transfer_by_payee"),
        )

    def __str__(self) -> str:
        return f"transfer {self.id}"
