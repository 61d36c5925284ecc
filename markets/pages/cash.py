"""The pages about an account's cash: its statement, line by line, and its transfers."""

import re
from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from accounts.acting import Acting, acting
from accounts.selectors import TRANSFERS_SHOWN, payees, transfers
from markets.pages.markets import shared
from markets.pages.statement_text import csv_parts, entries
from markets.reads.payment_limits import limits
from markets.reads.statement import lines
from realtime import gateway
from realtime.errors import RequestFailed

LINES_SHOWN = 50
# Of Line.cursor, and of a transfer; both fit the tables' columns.
CURSOR = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")
ID = re.compile(r"[0-9]{1,18}")


@require_GET
@acting
def statement(request: HttpRequest, who: Acting) -> HttpResponse:
    """Of the acting account, newest first. The figure on top is what the newest line comes to."""
    wanted = request.GET.get("before", "")
    cursor = CURSOR.fullmatch(wanted)
    if wanted and cursor is None:
        raise Http404
    found, more = lines(who.account.id, (int(cursor[1]), int(cursor[2])) if cursor else None, LINES_SHOWN)
    context = {
        "who": who,
        "here": "statement",
        "entries": entries(who.account.id, found),
        "cash": found[0].balance if found and cursor is None else who.account.cash,
        "older": found[-1].cursor if more else "",
        "is_newest": cursor is None,
    }
    return render(request, "markets/statement.html", context)


@require_GET
@acting
def statement_csv(request: HttpRequest, who: Acting) -> HttpResponseBase:
    """All of it, of the class expensive. It is sent while it is read: nothing of it waits in memory."""
    try:
        gateway.draw_sync(who.user.pk, "expensive", sudo=who.sudo)
    except RequestFailed as failed:
        messages.error(request, failed.message)
        return redirect("markets:statement")
    response = StreamingHttpResponse(streamed(csv_parts(who.account.id)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="statement-{who.account.id}.csv"'
    return response


async def streamed(parts: Iterator[str]) -> AsyncIterator[str]:
    """From a thread: the server would read a plain iterator to its end first."""

    @sync_to_async
    def following() -> str:
        return next(parts, "")

    while part := await following():
        yield part


@require_GET
@acting
def transfer_list(request: HttpRequest, who: Acting) -> HttpResponse:
    """Of the acting account, with the form for one more and what it may pay."""
    before = request.GET.get("before", "")
    if before and ID.fullmatch(before) is None:
        raise Http404
    found = transfers(who.account.id, int(before) if before else None, TRANSFERS_SHOWN + 1)
    shown = found[:TRANSFERS_SHOWN]
    context = {
        "here": "transfers",
        "transfers": shown,
        "older": str(shown[-1].id) if len(found) > TRANSFERS_SHOWN else "",
        "is_newest": not before,
        "payees": payees(who.account),
        "limits": limits(who.account),
        **shared(who, "transfers"),
    }
    return render(request, "markets/transfers.html", context)
