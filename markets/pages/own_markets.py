"""Pages on which people open their own markets, describe and settle them. They work without scripts."""

from dataclasses import replace
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts import money
from accounts.acting import Acting, acting, carry_out, complain, page_context, posting_account
from accounts.console.rights import ask_again
from accounts.sudo import is_recent
from accounts.typed import sent_or_kept
from markets.engine.visibility import WHOLE, masked
from markets.models import Market, MarketStatus
from markets.pages.forms import DescribeForm, MarketForm, SettleForm, SettlementForm
from markets.pages.markets import is_mine, viewer_of
from markets.reads import settlement_preview, visibility
from markets.reads.selectors import NOT_OVER
from markets.reads.settlement_preview import Preview
from proto import exchange_pb2 as pb


@require_http_methods(["GET", "POST"])
@acting
def create(request: HttpRequest, who: Acting) -> HttpResponse:
    """Opens a market. After a refusal the form comes back with the input."""
    form = MarketForm(sent_or_kept(request))
    if request.method == "POST":
        reply = send_create(request, who, form)
        if reply is not None:
            market = reply.market_created.market
            messages.success(request, f"{market.name} is open.")
            return redirect("markets:market", market.id)
    return render(request, "markets/create.html", page_context(who, form=form))


def send_create(request: HttpRequest, who: Acting, form: MarketForm) -> pb.ServerMessage | None:
    return carry_out(request, who, form, lambda data: pb.ClientMessage(create_market=pb.CreateMarket(**data)))


@require_http_methods(["GET", "POST"])
@acting
def describe(request: HttpRequest, who: Acting, market_id: int) -> HttpResponse:
    """Changes the description. Operators change everything else, in the console."""
    market = own_market(request, who, market_id)
    form = DescribeForm(sent_or_kept(request), initial={"description": market.description})
    if request.method == "POST" and send_describe(request, who, market, form) is not None:
        messages.success(request, "Description saved.")
        return redirect("markets:market", market_id)
    return render(request, "markets/describe.html", page_context(who, form=form, market=market))


def send_describe(request: HttpRequest, who: Acting, market: Market, form: DescribeForm) -> pb.ServerMessage | None:
    def message(data: dict[str, Any]) -> pb.ClientMessage:
        return pb.ClientMessage(edit_market=pb.EditMarket(market_id=market.id, **data))

    return carry_out(request, who, form, message)


@require_http_methods(["GET", "POST"])
@acting
def settle(request: HttpRequest, who: Acting, market_id: int) -> HttpResponse:
    """Asks for a price, previews the payouts, settles. Irreversible, so an operator in sudo must have re-authenticated
    recently, as in the console."""
    market = own_market(request, who, market_id)
    if who.sudo and not is_recent(request.session, who.user, settings.DANGER_SECONDS):
        return ask_again(request, who.user)
    asked = SettlementForm(request.GET if "price" in request.GET else None, market=market)
    if request.method == "POST":
        asked = form = SettleForm(request.POST, market=market)
        reply = send_settle(request, who, form)
        if reply is not None:
            over = reply.market_settled.market
            messages.success(request, f"{over.name} is settled at {money.price(over.settle_price)}.")
            return redirect("markets:market", market_id)
    elif asked.is_bound and not asked.is_valid():
        complain(request, asked)
    price = asked.cleaned_data.get("price") if asked.is_bound else None
    context = page_context(
        who, market=market, asked=asked, price=price, trading=MarketStatus(market.status) in NOT_OVER
    )
    return render(request, "markets/settle.html", {**context, "preview": preview(who, market, price)})


def send_settle(request: HttpRequest, who: Acting, form: SettleForm) -> pb.ServerMessage | None:
    def message(data: dict[str, Any]) -> pb.ClientMessage:
        return pb.ClientMessage(settle_market=pb.SettleMarket(market_id=form.market.id, **data))

    return carry_out(request, who, form, message)


def preview(who: Acting, market: Market, price: int | None) -> Preview | None:
    """The payouts at `price`, for people who may know the holders (rules, section 4, Histories).

    None for others: an owner who does not see the book or the account ids.
    """
    if price is None or market.degree < WHOLE or masked(market, who.sudo):
        return None
    return settlement_preview.preview(market, price)


def own_market(request: HttpRequest, who: Acting, market_id: int) -> Market:
    """The market with its `degree`, for a person acting as its owner and for operators in sudo.

    Raises Http404 for everybody else, as if the market did not exist.
    """
    sender = replace(who, account=posting_account(request, who) or who.account)
    market = visibility.market(viewer_of(sender), market_id)
    if market is None or not is_mine(sender, market):
        raise Http404
    return market
