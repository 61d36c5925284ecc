"""An exchange with a planted leak, chosen by PLANTED_LEAK. The leak test must find it (tests/live/leak/__init__.py)."""

import os
from typing import Any

from django.apps import AppConfig
from django.db.models import Q

from exchange.settings import *  # noqa: F403
from exchange.settings import INSTALLED_APPS


def _fills() -> None:
    """Fills name the counterparty although the market hides ids."""
    from markets.wire import codec

    write_fill = codec.write_fill
    codec.write_fill = lambda fill, e, side, masked: write_fill(fill, e, side, False)


def _public() -> None:
    """The public stream carries definitions of restricted markets."""
    from markets.wire.audience import Publication
    from realtime.groups import PUBLIC

    Publication._definition_streams = lambda self, market: [(PUBLIC, True)]  # type: ignore[method-assign]


def _floor() -> None:
    """A resuming socket gets messages from before a market's visibility changed."""
    from markets.matching.streams import Streams

    Streams._drop_buffered = lambda self: None  # type: ignore[method-assign]


def _shares() -> None:
    """A person who loses a share keeps following the account."""
    from realtime.subscriptions import Subscriptions

    Subscriptions.apply_reach = lambda self, reach: None  # type: ignore[method-assign]


def _lists() -> None:
    """A person who is no longer listed keeps following the market."""
    from realtime.subscriptions import Subscriptions

    Subscriptions.apply_visibility = lambda self, socket, change: None  # type: ignore[method-assign]


def _tables() -> None:
    """Pages and REST show every market."""
    from markets.reads import visibility

    visibility._whole = lambda viewer: Q(pk__isnull=False)


def _transfers() -> None:
    """REST lists everybody's transfers."""
    from accounts import api
    from accounts.models import Transfer

    vars(api)["transfers_of"] = lambda account_id: Transfer.objects.all()


def _acting() -> None:
    """REST lets everybody act as any account."""
    from accounts.models import Account
    from accounts.rest.callers import Caller

    Caller.reach = property(lambda self: set(Account.objects.values_list("pk", flat=True)))  # type: ignore[assignment]


def _preview() -> None:
    """Everybody who may settle a market sees the payouts."""
    from markets.pages import own_markets
    from markets.reads import settlement_preview

    def shown(who: Any, market: Any, price: int | None) -> Any:
        return None if price is None else settlement_preview.preview(market, price)

    own_markets.preview = shown


LEAKS = {
    "fills": _fills,
    "public": _public,
    "floor": _floor,
    "shares": _shares,
    "lists": _lists,
    "tables": _tables,
    "transfers": _transfers,
    "acting": _acting,
    "preview": _preview,
}


class Leaky(AppConfig):
    name = "tests.live.settings"
    label = "leaky"

    def ready(self) -> Any:
        LEAKS[os.environ["PLANTED_LEAK"]]()


INSTALLED_APPS = [*INSTALLED_APPS, "tests.live.settings.leaky.Leaky"]
