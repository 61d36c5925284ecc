"""REST views of accounts and money. Changes send messages of exchange.proto; reads query the tables."""

from typing import Any

from asgiref.sync import sync_to_async
from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import models, serializers
from accounts.rest.bodies import written
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


class MeDetail(ExchangeView):
    @operation("who_am_i", "Who you are and which account you act as", serializers.MeSerializer, tag=ACCOUNTS)
    def get(self, request: Request) -> Response:
        """The same as a socket's Authenticated and ActingAs."""
        who = self.caller
        fields = {
            "user_id": who.user.pk,
            "username": who.user.get_username(),
            "account_id": who.own.id,
            "acting_as": who.account.id,
            "operator": who.rights.operator,
            "sudo": who.sudo,
            "scopes": [str(scope.name).lower() for scope in Scope if who.rights.scopes & scope],
        }
        return Response(written(serializers.MeSerializer, fields))


class OpenUserAccount(ExchangeView):
    @operation(
        "create_user_account",
        "Open your own user account",
        serializers.AccountChangedSerializer,
        status=201,
        body=serializers.NewUserAccount,
        tag=ACCOUNTS,
    )
    async def post(self, request: Request) -> Response:
        """With this name, or one with a number if it is taken. Any other first request opens it too, with the name of
        your sign-in. If you have one already, the answer is that account, and the name does not matter.
        """
        fields = self.body(serializers.NewUserAccount)
        create = wire.CreateUserAccount(**fields)
        return await self.execute(serializers.AccountChangedSerializer, ClientMessage(create_user_account=create), 201)


class AccountList(ExchangeView):
    queries = {"GET": serializers.AccountsQuery}

    @operation(
        "list_accounts",
        "All accounts, oldest first",
        page_of(serializers.AccountSerializer, "AccountPage"),
        tag=ACCOUNTS,
    )
    def get(self, request: Request) -> Response:
        """Names and kinds are public; balances and owners are not."""
        rows: QuerySet[models.Account] = models.Account.objects.all()
        if self.query["mine"]:
            rows = rows.filter(pk__in=self.caller.reach)
        return page(serializers.AccountSerializer, rows, self.query, newest_first=False)

    @operation(
        "create_account",
        "Create an alt account",
        serializers.AccountChangedSerializer,
        status=201,
        body=serializers.NewAccount,
        tag=ACCOUNTS,
    )
    async def post(self, request: Request) -> Response:
        """Its owner is the account acted as, or another account in your tree."""
        fields = self.body(serializers.NewAccount)
        create = ClientMessage(create_account=wire.CreateAccount(**fields, key=self.key))
        return await self.execute(serializers.AccountChangedSerializer, create, 201, "/api/v1/accounts/{account.id}")


class AccountDetail(ExchangeView):
    @operation("get_account", "An account", serializers.AccountSerializer, tag=ACCOUNTS)
    def get(self, request: Request, account_id: int) -> Response:
        """Its name and kind, which are public."""
        found = models.Account.objects.filter(pk=account_id).first()
        if found is None:
            raise not_found(wire.ACCOUNT_NOT_FOUND, f"There is no account {account_id}.")
        return Response(written(serializers.AccountSerializer, found))


class OwnerList(ExchangeView):
    queries = {"GET": PageQuery}

    @operation("list_owners", "Who owns an account", page_of(serializers.OwnerSerializer, "OwnerPage"), tag=ACCOUNTS)
    def get(self, request: Request, account_id: int) -> Response:
        """The direct owners of an account that you may act as, with their credits."""
        who = self.caller
        if account_id not in who.reach and not (who.sudo and models.Account.objects.filter(pk=account_id).exists()):
            raise not_theirs(account_id)
        rows = models.Ownership.objects.filter(account_id=account_id)
        return page(serializers.OwnerSerializer, rows, self.query, newest_first=False)


class ShareAccount(ExchangeView):
    @operation(
        "share_account",
        "Share an account",
        serializers.AccountChangedSerializer,
        body=serializers.NewShare,
        tag=ACCOUNTS,
    )
    async def post(self, request: Request, account_id: int) -> Response:
        """Makes another user account an owner too, without credit. Act as your own user account, which must own it."""
        fields = self.body(serializers.NewShare)
        share = wire.ShareAccount(account_id=account_id, **fields, key=self.key)
        return await self.execute(serializers.AccountChangedSerializer, ClientMessage(share_account=share))


class LeaveAccount(ExchangeView):
    @operation(
        "leave_account", "Leave an account", serializers.AccountChangedSerializer, body=serializers.Empty, tag=ACCOUNTS
    )
    async def post(self, request: Request, account_id: int) -> Response:
        """The account acted as stops being an owner."""
        self.body(serializers.Empty)
        leave = wire.LeaveAccount(account_id=account_id, key=self.key)
        return await self.execute(serializers.AccountChangedSerializer, ClientMessage(leave_account=leave))


class RevokeShare(ExchangeView):
    @operation(
        "revoke_share",
        "Revoke a share (sudo)",
        serializers.AccountChangedSerializer,
        body=serializers.OwnerNamed,
        tag=ACCOUNTS,
    )
    async def post(self, request: Request, account_id: int) -> Response:
        """Makes a user account leave the account."""
        fields = self.body(serializers.OwnerNamed)
        revoke = wire.RevokeShare(account_id=account_id, **fields, key=self.key)
        return await self.execute(serializers.AccountChangedSerializer, ClientMessage(revoke_share=revoke))


class RedistributeCredit(ExchangeView):
    @operation(
        "redistribute_credit",
        "Redistribute a credit (sudo)",
        serializers.AccountChangedSerializer,
        body=serializers.OwnerNamed,
        tag=ACCOUNTS,
    )
    async def post(self, request: Request, account_id: int) -> Response:
        """Divides an owner's credit among the other owners, pro rata or, if they have no credit, evenly."""
        fields = self.body(serializers.OwnerNamed)
        redistribute = wire.Redistribute(account_id=account_id, **fields, key=self.key)
        return await self.execute(serializers.AccountChangedSerializer, ClientMessage(redistribute=redistribute))


# --- Money


class TransferList(ExchangeView):
    queries = {"GET": PageQuery}

    @operation(
        "list_transfers", "Transfers, newest first", page_of(serializers.TransferSerializer, "TransferPage"), tag=MONEY
    )
    def get(self, request: Request) -> Response:
        """Transfers from and to the account acted as."""
        return page(serializers.TransferSerializer, transfers_of(self.caller.account.id), self.query)

    @operation(
        "make_transfer",
        "Make a transfer",
        serializers.TransferCreatedSerializer,
        status=201,
        body=serializers.NewTransfer,
        tag=MONEY,
    )
    async def post(self, request: Request) -> Response:
        """Pays from one user account to another, or between an account and its owner."""
        fields: dict[str, Any] = self.body(serializers.NewTransfer)
        if not fields["from_account_id"]:
            fields["from_account_id"] = (await sync_to_async(lambda: self.caller.account)()).id
        pay = wire.MakeTransfer(**fields, key=self.key)
        return await self.execute(serializers.TransferCreatedSerializer, ClientMessage(make_transfer=pay), 201)


class GiveMoney(ExchangeView):
    @operation(
        "give",
        "Give money (sudo)",
        serializers.TransferCreatedSerializer,
        status=201,
        body=serializers.NewGift,
        tag=MONEY,
    )
    async def post(self, request: Request) -> Response:
        """Pays an account from the house."""
        fields = self.body(serializers.NewGift)
        return await self.execute(
            serializers.TransferCreatedSerializer, ClientMessage(gift=wire.Gift(**fields, key=self.key)), 201
        )


class CollectMoney(ExchangeView):
    @operation(
        "collect",
        "Collect money (sudo)",
        serializers.TransferCreatedSerializer,
        status=201,
        body=serializers.NewCollection,
        tag=MONEY,
    )
    async def post(self, request: Request) -> Response:
        """Takes money back to the house, at most what the account has available."""
        fields = self.body(serializers.NewCollection)
        collect = wire.Collect(**fields, key=self.key)
        return await self.execute(serializers.TransferCreatedSerializer, ClientMessage(collect=collect), 201)
