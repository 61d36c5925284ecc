"""Pages of auctions: the board, an auction with its buy-now button, and the sellers' forms. No script is needed."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import money
from accounts.acting import Acting, acting, ask, carry_out, complain, page_context, posting_account
from accounts.forms import KeyedForm
from accounts.paths import page_number
from accounts.typed import keep, sent_or_kept
from auctions import pictures, selectors
from auctions.forms import AuctionForm, BuyForm, EditForm, edit_message
from auctions.models import Auction, AuctionStatus
from auctions.pictures import PictureRefused
from proto import exchange_pb2 as pb
from realtime import gateway
from realtime.errors import RequestFailed

PICTURE_SALT = "auctions.sent_picture"
PICTURE_CACHE = f"private, max-age={365 * 24 * 3600}, immutable"  # the picture of a name never changes


@require_GET
@acting
def board(request: HttpRequest, who: Acting) -> HttpResponse:
    page = page_number(request)
    auctions, more = selectors.board(page)
    if page > 1 and not auctions:
        raise Http404
    after = page + 1 if more else 0
    context = page_context(who, here="auctions", auctions=auctions, page_before=page - 1, page_after=after)
    return render(request, "auctions/board.html", context)


@require_GET
@acting
def auction(request: HttpRequest, who: Acting, auction_id: int) -> HttpResponse:
    found = selectors.auction(auction_id)
    if found is None:
        raise Http404
    mine = who.sudo or found.seller_id == who.account.id
    context = page_context(who, here="auctions", auction=found, mine=mine, hindrance=hindrance(who, found))
    return render(request, "auctions/auction.html", context)


@require_http_methods(["GET", "POST"])
@acting
def create(request: HttpRequest, who: Acting) -> HttpResponse:
    """Lists an auction. After a refusal the form comes back with the input."""
    form = AuctionForm(sent_or_kept(request), request.FILES or None)
    if request.method == "POST":
        reply = send_create(request, who, form)
        if reply is not None:
            messages.success(request, f"{reply.auction_created.auction.name} is on the auction board.")
            return redirect("auctions:auction", reply.auction_created.auction.id)
    return render(request, "auctions/create.html", page_context(who, here="auctions", form=form))


def send_create(request: HttpRequest, who: Acting, form: AuctionForm) -> pb.ServerMessage | None:
    if not form.is_valid():
        complain(request, form)
        return None
    data = form.cleaned_data
    command = pb.CreateAuction(
        name=data["name"], description=data["description"], buy_now_price=data["price"], key=data["key"]
    )
    return ask_with_picture(request, who, pb.ClientMessage(create_auction=command), command)


@require_http_methods(["GET", "POST"])
@acting
def edit(request: HttpRequest, who: Acting, auction_id: int) -> HttpResponse:
    """Changes an open auction, for its seller and operators in sudo. 404 for everybody else."""
    seller = None if who.sudo else (posting_account(request, who) or who.account).id
    found = selectors.auction(auction_id, seller_id=seller)
    if found is None or found.status != AuctionStatus.OPEN:
        raise Http404
    price = "" if found.buy_now_price is None else money.plain(found.buy_now_price, money.CASH_DECIMALS)
    initial = {"name": found.name, "description": found.description, "price": price}
    form = EditForm(sent_or_kept(request), request.FILES or None, initial=initial)
    if request.method == "POST" and send_edit(request, who, found, form) is not None:
        messages.success(request, "Auction saved.")
        return redirect("auctions:auction", auction_id)
    return render(request, "auctions/edit.html", page_context(who, here="auctions", form=form, auction=found))


def send_edit(request: HttpRequest, who: Acting, found: Auction, form: EditForm) -> pb.ServerMessage | None:
    """Sends the changes. Then removes the old picture if it was replaced."""
    if not form.is_valid():
        complain(request, form)
        return None
    command = edit_message(found.id, form)
    reply = ask_with_picture(request, who, pb.ClientMessage(edit_auction=command), command)
    if reply is not None:
        pictures.discard(found.picture)
    return reply


def ask_with_picture(
    request: HttpRequest, who: Acting, message: pb.ClientMessage, body: pb.CreateAuction | pb.EditAuction
) -> pb.ServerMessage | None:
    """Keeps the form's picture, if there is one, names it in the command and sends the command.

    Removes the picture if the command is refused. If the outcome is unknown the picture stays, as an auction may show
    it, and the form comes back with its signed name. So the form repeats the command, with the same file or with none.
    """
    upload = request.FILES.get("picture")
    before = sent_picture(request)
    if (upload is None and not before) or posting_account(request, who) is None:
        return ask(request, who, message)
    try:
        name = before if upload is None else keep_picture(who, upload, before)
    except (PictureRefused, RequestFailed) as refused:
        keep(request)
        why = refused.message if isinstance(refused, RequestFailed) else str(refused)
        messages.error(request, f"{why} Nothing was sent.")
        return None
    body.picture = name
    member = "create_auction" if isinstance(body, pb.CreateAuction) else "edit_auction"
    named = pb.ClientMessage(**{member: body})  # type: ignore[arg-type]

    def forget(failed: RequestFailed) -> None:
        if failed.reason == pb.OUTCOME_UNKNOWN:
            fields = request.POST.copy()
            fields["sent_picture"] = signing.dumps(name, salt=PICTURE_SALT)
            request.POST = fields  # type: ignore[assignment]
        elif name != before:
            pictures.discard(name)

    return ask(request, who, named, on_refusal=forget)


def sent_picture(request: HttpRequest) -> str:
    """The stored picture that the form was sent with before, while the outcome is unknown; "" if there is none."""
    try:
        name: str = signing.loads(request.POST.get("sent_picture", ""), salt=PICTURE_SALT)
    except signing.BadSignature:
        return ""
    return name


def keep_picture(who: Acting, upload: UploadedFile[Any], before: str) -> str:
    """Stores the picture and returns its name: `before` if that is the same picture."""
    gateway.draw_sync(who.user.pk, "expensive", sudo=who.sudo)  # decoding a picture is costly
    name = pictures.keep(upload)
    if before and pictures.read(name) == pictures.read(before):
        pictures.discard(name)
        return before
    return name


@require_POST
@acting
def withdraw(request: HttpRequest, who: Acting, auction_id: int) -> HttpResponse:
    def message(data: dict[str, Any]) -> pb.ClientMessage:
        return pb.ClientMessage(withdraw_auction=pb.WithdrawAuction(auction_id=auction_id, key=data["key"]))

    reply = carry_out(request, who, KeyedForm(request.POST), message)
    if reply is None:
        return redirect("auctions:auction", auction_id)
    messages.success(request, f"{reply.auction_withdrawn.auction.name} is withdrawn.")
    return redirect("auctions:board")


@require_POST
@acting
def buy(request: HttpRequest, who: Acting, auction_id: int) -> HttpResponse:
    def message(data: dict[str, Any]) -> pb.ClientMessage:
        return pb.ClientMessage(buy_auction=pb.BuyAuction(auction_id=auction_id, price=data["price"], key=data["key"]))

    reply = carry_out(request, who, BuyForm(request.POST), message)
    if reply is not None:
        bought = reply.auction_settled.auction
        paid = money.chips(bought.settle_price)
        messages.success(request, f"You bought {bought.name} for {paid} {settings.CHIP_NAME}.")
    return redirect("auctions:auction", auction_id)


@require_GET
def picture(request: HttpRequest, name: str) -> HttpResponse:
    """Serves a picture to people who are signed in; 404 for others."""
    kept = pictures.read(name) if request.user.is_authenticated else None
    if kept is None:
        raise Http404
    headers = {
        "Cache-Control": PICTURE_CACHE,
        "Content-Disposition": f'inline; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    return HttpResponse(kept, content_type="image/webp", headers=headers)


def hindrance(who: Acting, found: Auction) -> str:
    """Why the acting account cannot buy the auction now; "" if it can. The exchange decides when it is asked."""
    if found.status != AuctionStatus.OPEN:
        return "This auction is sold."
    if found.seller_id == who.account.id:
        return "You are the seller."
    if found.seller_id in who.accounts:  # without those that sudo adds
        return f"The seller is {found.seller.name}, one of your accounts. You cannot buy from yourself."
    if found.buy_now_price is None:
        return "It has no price, so you cannot buy it here."
    if found.buy_now_price > who.account.available:
        return f"You have only {money.chips(who.account.available)} {settings.CHIP_NAME} available."
    return ""
