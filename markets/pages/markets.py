"""Pages of markets and the portfolio. They are complete on first paint, and their forms work without scripts."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts import money
from accounts.acting import Acting, acting, back, carry_out, page_context
from accounts.models import TransferKind
from accounts.paths import page_number
from accounts.selectors import payees, possessions, transfer_rows, transfers
from accounts.typed import new_key, take
from markets.engine.visibility import WHOLE
from markets.models import Exposure, Market, MarketStatus, TimeInForce
from markets.pages.forms import CancelForm, TicketForm
from markets.reads import selectors, visibility
from markets.reads.visibility import Viewer
from proto import exchange_pb2 as pb
from realtime.limits import MARKET_NAME_CHARACTERS_MAX, TYPED_NUMBER_CHARACTERS_MAX

WIRE_SIDES = {"": pb.SIDE_UNSPECIFIED, "bid": pb.BID, "offer": pb.OFFER}
TIMES_IN_FORCE = [(tif.name, tif.label) for tif in TimeInForce]
# Why the order ticket is closed.
CLOSED_TICKET = {
    MarketStatus.CANCEL_ONLY: "You can only cancel orders now.",
    MarketStatus.PAUSED: "The market is paused.",
    MarketStatus.CLOSED: "The market is closed and waits to be settled.",
    MarketStatus.SETTLED: "The market is settled.",
}
# Labels for the page's script, which receives numbers.
WORDS = {
    "status": {status.value: status.label for status in MarketStatus},
    "closedTicket": {status.value: reason for status, reason in CLOSED_TICKET.items()},
    "transferKind": {kind.value: kind.label.capitalize() for kind in TransferKind},
}


@require_GET
@acting
def market_list(request: HttpRequest, who: Acting) -> HttpResponse:
    """Lists the markets that the person may see, a page of them (`page`), or those with `find` in name or category.

    Its script subscribes to summaries, not to books.
    """
    page, wanted = page_number(request), request.GET.get("find", "").strip()[:MARKET_NAME_CHARACTERS_MAX]
    rows, more = selectors.market_rows(viewer_of(who), wanted, page)
    if page > 1 and not rows:
        raise Http404
    context = {
        "groups": selectors.grouped(rows),
        "find": wanted,
        "page_before": page - 1,
        "page_after": page + 1 if more else 0,
        **view_context(who, "markets", summaries=True, listing={"find": wanted, "page": str(page)}),
    }
    return render(request, "markets/list.html", context)


@require_GET
@acting
def market_page(request: HttpRequest, who: Acting, market_id: int) -> HttpResponse:
    """A market with its book, tape and ticket. 404 if the person may not know it."""
    market = visibility.market(viewer_of(who), market_id)
    if market is None:
        raise Http404
    if market.degree < WHOLE:
        return known_market(request, who, market)
    own = selectors.open_orders(who.account.id, market.id)
    ladder = selectors.ladder(market.id, own)
    holding = selectors.holding(who.account, market, ladder.best)
    unlisted = "" if market.may_trade else f"This market is not open to {who.account.name}."
    context = {
        "market": market,
        "mine": is_mine(who, market),
        "ladder": ladder,
        "depth": selectors.DEPTH,
        "holding": holding,
        "orders": own[: selectors.ORDERS_SHOWN],
        "orders_open": len(own),
        "trades": selectors.tape(market.id, who.account.id),
        "ticket": ticket_start(request, market.id),
        "closed_ticket": CLOSED_TICKET.get(MarketStatus(market.status), unlisted),
        "times_in_force": TIMES_IN_FORCE,
        **view_context(
            who, "market", [market.id], market=market_data(market, unlisted), exposure=exposure_data(holding.exposure)
        ),
    }
    return render(request, "markets/market.html", context)


def known_market(request: HttpRequest, who: Acting, market: Market) -> HttpResponse:
    """A market without its book, for an owner or past trader whom it is not open to: its terms and their position."""
    context: dict[str, Any] = {
        "market": market,
        "mine": is_mine(who, market),
        "holding": selectors.holding(who.account, market, None),
    }
    return render(request, "markets/known.html", page_context(who, **context))


@require_GET
@acting
def portfolio(request: HttpRequest, who: Acting) -> HttpResponse:
    """The acting account's portfolio. Its script takes marks from summaries."""
    orders, orders_open = selectors.newest_orders(who.account.id)
    context = {
        "portfolio": selectors.portfolio(viewer_of(who)),
        "orders": orders,
        "orders_open": orders_open,
        "transfers": transfer_rows(who.account.id, transfers(who.account.id)),
        "payees": payees(who.account),
        "possessions": possessions(who.tree, who.account),
        **view_context(who, "portfolio", summaries=True),
    }
    return render(request, "markets/portfolio.html", context)


@require_POST
@acting
def place_order(request: HttpRequest, who: Acting, market_id: int) -> HttpResponse:
    def message(data: dict[str, Any]) -> pb.ClientMessage:
        terms = {name: value for name, value in data.items() if name != "key"}
        return pb.ClientMessage(create_order=pb.CreateOrder(market_id=market_id, client_order_id=data["key"], **terms))

    if reply := carry_out(request, who, TicketForm(request.POST), message):
        messages.success(request, placed_in_words(reply))
    return redirect("markets:market", market_id)


@require_POST
@acting
def cancel(request: HttpRequest, who: Acting, market_id: int = 0) -> HttpResponse:
    """Cancels one order, or the account's orders. A side limits them to it; market_id 0 means every market."""

    def message(data: dict[str, Any]) -> pb.ClientMessage:
        if data["order"]:
            return pb.ClientMessage(cancel_order=pb.CancelOrder(order_id=data["order"], key=data["key"]))
        out = pb.Out(market_id=market_id, side=WIRE_SIDES[data["side"]], key=data["key"])
        return pb.ClientMessage(out=out)

    form = CancelForm(request.POST)
    if reply := carry_out(request, who, form, message):
        one = form.cleaned_data["order"]
        messages.success(request, "Order cancelled." if one else cancelled_in_words(len(reply.orders_cancelled.orders)))
    return back(request, reverse("markets:market", args=(market_id,)) if market_id else "markets:portfolio")


def placed_in_words(reply: pb.ServerMessage) -> str:
    """What happened to a new order. frontend/src/ui/words.ts writes the same text."""
    order = reply.order_created.order
    verb = "Bid" if order.side == pb.BID else "Offered"
    done = [f"{money.size(order.filled)} filled"] if order.filled else []
    if order.open:
        done.append(f"{money.size(order.open)} open")
    return f"{verb} {money.size(order.size)} @ {money.price(order.price)}: {', '.join(done) or 'nothing filled'}."


def cancelled_in_words(count: int) -> str:
    return "There were no orders to cancel." if count == 0 else f"{count} order{'s' if count > 1 else ''} cancelled."


def ticket_start(request: HttpRequest, market_id: int) -> dict[str, Any]:
    """The ticket's first values: what was sent, if it came back, else those of the query.

    A level of the book links to its price and the side that takes it.
    """
    kept = take(request, reverse("markets:place_order", args=(market_id,)))
    typed = request.GET if kept is None else kept
    names = ("price", "size", "time_in_force", "post_only")
    return {
        "key": (kept and kept.get("key")) or new_key(),
        "side": "offer" if typed.get("side") == "offer" else "bid",
        **{name: typed.get(name, "")[:TYPED_NUMBER_CHARACTERS_MAX] for name in names},
    }


def is_mine(who: Acting, market: Market) -> bool:
    """Whether the person may describe and settle the market: the acting account owns it, or sudo is on."""
    return who.sudo or market.owner_id == who.account.id


def viewer_of(who: Acting) -> Viewer:
    return Viewer(who.accounts, who.account.id, who.sudo)


def view_context(who: Acting, name: str, markets: Sequence[int] = (), **data: Any) -> dict[str, Any]:
    """Context of a page whose script shows more than the top bar. It subscribes to the books of `markets`."""
    script = {"name": name, "markets": [str(id) for id in markets], "words": WORDS, **data}
    return page_context(who, script=script)


def market_data(market: Market, unlisted: str) -> dict[str, str]:
    return {
        "id": str(market.id),
        "status": str(market.status),
        "minSettlement": str(market.min_settlement),
        "maxSettlement": str(market.max_settlement),
        "tickSize": str(market.tick_size),
        "smallestSize": str(market.smallest_size),
        "depth": str(selectors.DEPTH),
        "unlisted": unlisted,
    }


def exposure_data(exposure: Exposure) -> dict[str, str]:
    return {
        "position": str(exposure.position),
        "cost": str(exposure.cost),
        "bidSize": str(exposure.bid_size),
        "bidValue": str(exposure.bid_value),
        "offerSize": str(exposure.offer_size),
        "offerValue": str(exposure.offer_value),
    }
