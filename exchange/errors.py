"""Error responses for Django's handlers: JSON under /api/, else a page."""

import uuid
from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.views import defaults
from django.views.csrf import csrf_failure

from accounts.rest.errors import Refusal
from accounts.typed import came_from, keep, keep_signed_out
from realtime.limits import MIB, REQUEST_BODY_BYTES_MAX, TOO_LONG_HEADER

API = "/api/"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler400."""
    return _refusal(request, 400, "INVALID_FRAME", "The request cannot be read.") or defaults.bad_request(
        request, exception
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler404."""
    return _refusal(request, 404, "INVALID_FRAME", "There is nothing at this address.") or defaults.page_not_found(
        request, exception
    )


def too_long(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware that answers 413 for a body that realtime/bodies.py found too long. REST answers for itself."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        if TOO_LONG_HEADER not in request.headers or request.path_info.startswith(API):
            return get_response(request)
        return render(request, "413.html", {"most": REQUEST_BODY_BYTES_MAX // MIB}, status=413)

    return answer


def form_expired(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Django's CSRF_FAILURE_VIEW. A form of one of our own pages, as its browser says, comes back as it was sent."""
    page = came_from(request) if request.headers.get("Origin") == f"{request.scheme}://{request.get_host()}" else ""
    if not page or settings.CSRF_COOKIE_NAME not in request.COOKIES:  # without cookies it would come back for ever
        return csrf_failure(request, reason)
    response = redirect(page)
    kept = keep(request) if request.user.is_authenticated else keep_signed_out(request, response)
    what_next = "Check it and send it again." if kept else "Fill it in again."
    messages.error(request, f"This form had expired, so nothing was sent. {what_next}")
    return response


def too_many_requests(request: HttpRequest, seconds: int = 60) -> HttpResponseBase:
    """allauth's handler429. Its limits hold for a minute."""
    response = render(request, "429.html", {"seconds": seconds}, status=429)
    response["Retry-After"] = str(seconds)
    return response


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Django's handler500."""
    return _refusal(request, 500, "INTERNAL", "The server failed. The error was logged.") or defaults.server_error(
        request
    )


def _refusal(request: HttpRequest, status: int, code: str, message: str) -> JsonResponse | None:
    """The refusal as JSON for a request under /api/, else None."""
    if not request.path_info.startswith(API):
        return None
    return JsonResponse(Refusal(status, code, message).body(uuid.uuid4().hex), status=status)
