"""Pages about an account's cash: the statement (also as CSV) and the transfers."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from accounts.acting import Acting, acting, page_context
from accounts.selectors import TRANSFERS_SHOWN, payees, transfer_rows, transfers
from markets.pages.markets import view_context
from markets.pages.statement_text import csv_parts, entries
from markets.reads.payment_limits import limits
from markets.reads.statement import lines
from realtime import gateway
from realtime.errors import RequestFailed

LINES_SHOWN = 50
# Shapes of Line.cursor and of a transfer's id. Both fit the tables' columns.
CURSOR = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")
ID = re.compile(r"[0-9]{1,18}")


@require_GET
@acting
def statement(request: HttpRequest, who: Acting) -> HttpResponse:
    """The acting account's statement, newest first. The cash on top is the balance of the newest line."""
    wanted = request.GET.get("before", "")
    cursor = CURSOR.fullmatch(wanted)
    if wanted and cursor is None:
        raise Http404
    found, more = lines(who.account.id, (int(cursor[1]), int(cursor[2])) if cursor else None, LINES_SHOWN)
    context: dict[str, Any] = {
        "here": "statement",
        "rows": [entry.row for entry in entries(who.account.id, found)],
        "cash": found[0].balance if found and cursor is None else who.account.cash,
        "older": found[-1].cursor if more else "",
        "is_newest": cursor is None,
    }
    return render(request, "markets/statement.html", page_context(who, **context))


@require_GET
@acting
def statement_csv(request: HttpRequest, who: Acting) -> HttpResponseBase:
    """The whole statement as CSV. Charges the rate class expensive. Sends each part as it is read, to save memory."""
    try:
        gateway.draw_sync(who.user.pk, "expensive", sudo=who.sudo)
    except RequestFailed as failed:
        messages.error(request, failed.message)
        return redirect("markets:statement")
    response = StreamingHttpResponse(stream(csv_parts(who.account.id)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="statement-{who.account.id}.csv"'
    return response


async def stream(parts: Iterator[str]) -> AsyncIterator[str]:
    """Reads the parts on a thread. With a plain iterator the server would read all of it before it sends."""

    @sync_to_async
    def read_part() -> str:
        return next(parts, "")

    while part := await read_part():
        yield part


@require_GET
@acting
def transfer_list(request: HttpRequest, who: Acting) -> HttpResponse:
    """The acting account's transfers, with a form for a new one and the most that it may pay."""
    before = request.GET.get("before", "")
    if before and ID.fullmatch(before) is None:
        raise Http404
    found = transfers(who.account.id, int(before) if before else None, TRANSFERS_SHOWN + 1)
    listed = found[:TRANSFERS_SHOWN]
    context = {
        "here": "transfers",
        "transfers": transfer_rows(who.account.id, listed),
        "older": str(listed[-1].id) if len(found) > TRANSFERS_SHOWN else "",
        "is_newest": not before,
        "payees": payees(who.account),
        "limits": limits(who.account),
        **view_context(who, "transfers"),
    }
    return render(request, "markets/transfers.html", context)
