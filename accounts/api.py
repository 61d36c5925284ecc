"""The REST door to accounts and money. Changes are the messages of the wire; reads are of the tables."""

from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import models, serializers
from accounts.rest.callers import not_theirs
from accounts.rest.errors import not_found
from accounts.rest.pages import PageQuery, page, page_of
from accounts.rest.schema import operation
from accounts.rest.views import ExchangeView
from accounts.selectors import transfers_of
from proto import exchange_pb2 as wire
from proto.exchange_pb2 import ClientMessage
from realtime.rights import Scope

ACCOUNTS, MONEY = "accounts", "money"


class Me(ExchangeView):
    @operation("who_am_i", "Who you are, and as whom you act", serializers.Me, tag=ACCOUNTS)
    def get(self, request: Request) -> Response:
        """What a socket hears as Authenticated and ActingAs."""
        who = self.caller
        said = {
            "user_id": who.user.pk,
            "username": who.user.get_username(),
            "account_id": who.own.id,
            "acting_as": who.account.id,
            "operator": who.rights.operator,
            "sudo": who.sudo,
            "scopes": [str(scope.name).lower() for scope in Scope if who.rights.scopes & scope],
        }
        return Response(serializers.Me(said).data)


class UserAccount(ExchangeView):
    @operation(
        "create_user_account",
        "Open your own user account",
        serializers.AccountChanged,
        status=201,
        body=serializers.NewUserAccount,
        tag=ACCOUNTS,
    )
    def post(self, request: Request) -> Response:
        """Your first request does that by itself; asked again, it answers with the account that there is."""
        said = self.said(serializers.NewUserAccount)
        create = wire.CreateUserAccount(**said)
        return self.carried_out(serializers.AccountChanged, ClientMessage(create_user_account=create), 201)


class Accounts(ExchangeView):
    queries = {"GET": serializers.AccountsQuery}

    @operation("list_accounts", "All accounts, oldest first", page_of(serializers.Account, "AccountPage"), tag=ACCOUNTS)
    def get(self, request: Request) -> Response:
        """Names are public; whose the money is, is not."""
        rows: QuerySet[models.Account] = models.Account.objects.all()
        if self.query["mine"]:
            rows = rows.filter(pk__in=self.caller.reach)
        return page(serializers.Account, rows, self.query, newest_first=False)

    @operation(
        "create_account",
        "Create an alt account",
        serializers.AccountChanged,
        status=201,
        body=serializers.NewAccount,
        tag=ACCOUNTS,
    )
    def post(self, request: Request) -> Response:
        """Under the account acted as, or another one in your tree."""
        said = self.said(serializers.NewAccount)
        create = ClientMessage(create_account=wire.CreateAccount(**said, key=self.key))
        return self.carried_out(serializers.AccountChanged, create, 201, "/api/v1/accounts/{account.id}")


class Account(ExchangeView):
    @operation("get_account", "An account", serializers.Account, tag=ACCOUNTS)
    def get(self, request: Request, account_id: int) -> Response:
        """Its name and kind, which are public."""
        found = models.Account.objects.filter(pk=account_id).first()
        if found is None:
            raise not_found(wire.ACCOUNT_NOT_FOUND, f"There is no account {account_id}.")
        return Response(serializers.Account(found).data)


class Owners(ExchangeView):
    queries = {"GET": PageQuery}

    @operation("list_owners", "Who owns an account", page_of(serializers.Owner, "OwnerPage"), tag=ACCOUNTS)
    def get(self, request: Request, account_id: int) -> Response:
        """Of an account that you may act as: its direct owners and what of its money is theirs."""
        who = self.caller
        if account_id not in who.reach and not (who.sudo and models.Account.objects.filter(pk=account_id).exists()):
            raise not_theirs(account_id)
        rows = models.Ownership.objects.filter(account_id=account_id)
        return page(serializers.Owner, rows, self.query, newest_first=False)


class Share(ExchangeView):
    @operation("share_account", "Share an account", serializers.AccountChanged, body=serializers.NewShare, tag=ACCOUNTS)
    def post(self, request: Request, account_id: int) -> Response:
        """Acting as your own user account, which owns it: another user account owns it too, with no credit yet."""
        said = self.said(serializers.NewShare)
        share = wire.ShareAccount(account_id=account_id, **said, key=self.key)
        return self.carried_out(serializers.AccountChanged, ClientMessage(share_account=share))


class Leave(ExchangeView):
    @operation("leave_account", "Leave an account", serializers.AccountChanged, body=serializers.Empty, tag=ACCOUNTS)
    def post(self, request: Request, account_id: int) -> Response:
        """The account acted as gives up what it owns of it."""
        self.said(serializers.Empty)
        leave = wire.LeaveAccount(account_id=account_id, key=self.key)
        return self.carried_out(serializers.AccountChanged, ClientMessage(leave_account=leave))


class Revoke(ExchangeView):
    @operation(
        "revoke_share", "Revoke a share (sudo)", serializers.AccountChanged, body=serializers.OwnerNamed, tag=ACCOUNTS
    )
    def post(self, request: Request, account_id: int) -> Response:
        """Leave, for a user account."""
        said = self.said(serializers.OwnerNamed)
        revoke = wire.RevokeShare(account_id=account_id, **said, key=self.key)
        return self.carried_out(serializers.AccountChanged, ClientMessage(revoke_share=revoke))


class Redistribute(ExchangeView):
    @operation(
        "redistribute_credit",
        "Redistribute a credit (sudo)",
        serializers.AccountChanged,
        body=serializers.OwnerNamed,
        tag=ACCOUNTS,
    )
    def post(self, request: Request, account_id: int) -> Response:
        """An owner's credit goes to the other owners pro rata, or evenly if they have none."""
        said = self.said(serializers.OwnerNamed)
        redistribute = wire.Redistribute(account_id=account_id, **said, key=self.key)
        return self.carried_out(serializers.AccountChanged, ClientMessage(redistribute=redistribute))


# --- Money


class Transfers(ExchangeView):
    queries = {"GET": PageQuery}

    @operation("list_transfers", "Transfers, newest first", page_of(serializers.Transfer, "TransferPage"), tag=MONEY)
    def get(self, request: Request) -> Response:
        """From and to the account acted as."""
        return page(serializers.Transfer, transfers_of(self.caller.account.id), self.query)

    @operation("make_transfer", "Pay", serializers.TransferCreated, status=201, body=serializers.NewTransfer, tag=MONEY)
    def post(self, request: Request) -> Response:
        """Between user accounts, or between an account and its owner."""
        said: dict[str, Any] = self.said(serializers.NewTransfer)
        said["from_account_id"] = said["from_account_id"] or self.caller.account.id
        pay = wire.MakeTransfer(**said, key=self.key)
        return self.carried_out(serializers.TransferCreated, ClientMessage(make_transfer=pay), 201)


class Gifts(ExchangeView):
    @operation(
        "give", "Give money (sudo)", serializers.TransferCreated, status=201, body=serializers.NewGift, tag=MONEY
    )
    def post(self, request: Request) -> Response:
        """From the house."""
        said = self.said(serializers.NewGift)
        return self.carried_out(serializers.TransferCreated, ClientMessage(gift=wire.Gift(**said, key=self.key)), 201)


class Collections(ExchangeView):
    @operation(
        "collect",
        "Collect money (sudo)",
        serializers.TransferCreated,
        status=201,
        body=serializers.NewCollection,
        tag=MONEY,
    )
    def post(self, request: Request) -> Response:
        """Back to the house, at most what is available."""
        said = self.said(serializers.NewCollection)
        collect = wire.Collect(**said, key=self.key)
        return self.carried_out(serializers.TransferCreated, ClientMessage(collect=collect), 201)
