"""The site of the operator console: who may open a page of it, and how people sign in."""

from functools import wraps
from typing import Any

from allauth.account.decorators import secure_admin_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from unfold.sites import UnfoldAdminSite

from accounts.console.rights import View, ask_again, may_view
from accounts.sudo import is_recent


class ConsoleSite(UnfoldAdminSite):
    """Django's admin in its theme. `admin.site` is one, because apps.ConsoleConfig names this class."""

    index_title = "Operator console"

    @method_decorator(secure_admin_login)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Sends people to the exchange's own sign-in page, which limits failed attempts. The admin's does not."""
        return super().login(request, extra_context)

    def admin_view(self, view: View, cacheable: bool = False) -> View:  # type: ignore[override]  # stubs: same type
        """Every page needs sudo, except the sign-out and views with an attribute `asks_itself`, which check it."""
        exempt = view == self.logout or getattr(view, "asks_itself", False)
        return super().admin_view(view if exempt else sudo_required(view), cacheable)


def sudo_required(view: View) -> View:
    """Asks people who may see the exchange for their password if they last gave it more than SUDO_SECONDS ago.

    Other people pass: what they may see is for the view to decide.
    """

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may_view(request.user) or is_recent(request.session, request.user):
            return view(request, *args, **kwargs)
        if "HX-Request" in request.headers:  # a part of a page that reloads itself: reload the whole page, which asks
            return HttpResponse(headers={"HX-Refresh": "true"})
        return ask_again(request, request.user)

    return inner
