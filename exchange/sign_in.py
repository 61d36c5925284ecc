"""Sign-in with allauth: who may sign up, what a provider's sign-in changes here, and signing in afresh."""

import logging
import time
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NoReturn

from allauth.account import views
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from allauth.account.internal.userkit import filter_users_by_email
from allauth.account.utils import get_next_redirect_url
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, get_adapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base.constants import AuthProcess
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST
from requests import RequestException

from accounts import provider, throttle
from accounts.models import User
from accounts.services import follow_operator_role
from accounts.views import SUDO_WANTED
from exchange.errors import too_many_requests
from markets.engine.lookalikes import mixed_scripts

logger = logging.getLogger(__name__)

SIGN_IN_AFRESH = "sign_in_afresh"  # session key: the provider must authenticate the person again
WANTED_PAGE = "wanted_page"  # session key: where a sign-in with the provider leads; some errors come without a state
NAME_MAX = 150  # characters of first and last name in the table


class Adapter(DefaultAccountAdapter):
    """allauth's hooks for accounts (settings.ACCOUNT_ADAPTER)."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Whether strangers may sign up. Off by default: every new user brings starting cash into the market."""
        return bool(settings.SIGN_UP_OPEN)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Refuses a password before it is checked, if it was wrong too often under this name."""
        if wait := throttle.password_wait(request, _name(credentials)):
            raise ValidationError(f"Too many failed sign-ins under this name. Try again in {wait} s.", "too_many")

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        """The person, at a sign-in and at a proof of who they are. None: the password is wrong."""
        user = super().authenticate(request, **credentials)
        if user is not None:
            throttle.password_was_right(request, _name(credentials))
        return user

    def is_safe_url(self, url: str | None) -> bool:
        """Whether a `next` leads to a path on this site. allauth fails on an address that cannot be read."""
        try:
            return url is not None and url.startswith("/") and super().is_safe_url(url)
        except ValueError:
            return False

    def clean_username(self, username: str, shallow: bool = False) -> str:
        """Refuses a name of mixed scripts, which would become another name of the account (rules, section 1)."""
        mixed = mixed_scripts(username)
        if mixed:
            raise ValidationError(f"Write the name with one alphabet: this one has letters of {' and '.join(mixed)}.")
        cleaned: str = super().clean_username(username, shallow)
        return cleaned

    def post_login(self, request: HttpRequest, user: Any, **how: Any) -> HttpResponse:
        """Records when the person authenticated. With a provider that may be long before this sign-in."""
        by_provider = (how["signal_kwargs"] or {}).get("sociallogin")
        if by_provider is not None:
            request.session[AUTHENTICATION_METHODS_SESSION_KEY][-1]["at"] = _authenticated_at(by_provider)
        request.session.pop(SIGN_IN_AFRESH, None)
        request.session.modified = True
        response: HttpResponse = super().post_login(request, user, **how)
        if by_provider is None:
            throttle.know_browser(response, user)
        return response


class ProviderAdapter(DefaultSocialAccountAdapter):
    """allauth's hooks for the provider (settings.SOCIALACCOUNT_ADAPTER).

    Everybody who can sign in at the provider may sign in here. Every sign-in updates the operator role.
    """

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return True

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Updates the operator role of a known person. Raises PermissionDenied if the provider names two people.

        Drops a new person's e-mail address if a user here already has it. That user may only have typed it in, so the
        address is no reason to sign in as them.
        """
        data, user = sociallogin.account.extra_data, sociallogin.user
        assert isinstance(user, User)
        if len({part["sub"] for part in (data.get("userinfo"), data.get("id_token")) if part}) > 1:
            raise PermissionDenied("The provider named two different people.")
        if sociallogin.is_existing:
            _follow_roles(sociallogin)
        elif any(filter_users_by_email(address.email) for address in sociallogin.email_addresses):
            sociallogin.email_addresses = []
            user.email = ""

    def on_authentication_error(self, request: HttpRequest, *about: Any, **more: Any) -> NoReturn:
        """Leads back to the sign-in page: the person cancelled, the provider refused, or the callback is unexpected."""
        if more.get("exception") is not None:
            logger.warning("A sign-in with the provider failed: %s", more["exception"])
        messages.error(request, f"Sign-in with {settings.OIDC_NAME} failed. Try again.")
        raise ImmediateHttpResponse(_to_sign_in(request.session.pop(WANTED_PAGE, None)))

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> User:
        user: User = super().populate_user(request, sociallogin, data)
        user.first_name, user.last_name = user.first_name[:NAME_MAX], user.last_name[:NAME_MAX]
        return user

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        user: User = super().save_user(request, sociallogin, form)
        _follow_roles(sociallogin)
        return user


@require_http_methods(["GET", "POST"])
def afresh(request: HttpRequest) -> HttpResponse:
    """Signs a person without a password out and in again, as proof of who they are. A GET (a link) signs nobody out."""
    if request.method == "GET":
        return render(request, "account/afresh.html", {"next": request.GET.get(REDIRECT_FIELD_NAME, "")})
    wanted = request.session.get(SUDO_WANTED)
    logout(request)
    if wanted is not None:
        request.session[SUDO_WANTED] = wanted  # names the person: it is worth nothing to another who signs in
    request.session[SIGN_IN_AFRESH] = True
    return redirect_to_login(request.POST.get(REDIRECT_FIELD_NAME, ""))


def limited(most: str, view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """The view, with at most settings.<most> forms from one address in SIGN_IN_FAILURES_SECONDS."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "POST":
            found = throttle.count(most, throttle.address(request), settings.SIGN_IN_FAILURES_SECONDS)
            if found.total > getattr(settings, most):
                return too_many_requests(request, found.wait)
        return view(request, *args, **kwargs)

    return wrapped


def password_reset(request: HttpRequest) -> HttpResponseBase:
    """allauth's page, where this exchange sends mail."""
    return views.password_reset(request) if settings.SENDS_MAIL else render(request, "account/no_mail.html")


@require_POST
def at_provider(request: HttpRequest) -> HttpResponse:
    """Redirects to the provider. After `afresh` the provider must authenticate the person again."""
    if not settings.OIDC_ISSUER:
        raise Http404
    named = get_adapter(request).get_provider(request, settings.OIDC_ID)
    ask_again = SIGN_IN_AFRESH in request.session
    params = named.get_auth_params() | ({"prompt": "login", "max_age": "0"} if ask_again else {})
    next_url = request.session[WANTED_PAGE] = get_next_redirect_url(request)
    try:
        response: HttpResponse = named.redirect(
            request, AuthProcess.LOGIN, next_url=next_url, auth_params=params, afresh=ask_again
        )
    except (RequestException, KeyError):
        messages.error(request, f"{settings.OIDC_NAME} cannot be reached. Try again in a minute.")
        return _to_sign_in(next_url)
    return response


def _to_sign_in(next_url: str | None) -> HttpResponse:
    """Back to the sign-in page, which leads on to the page that was wanted."""
    return redirect_to_login(next_url) if next_url else redirect("account_login")


def _name(credentials: Mapping[str, Any]) -> str:
    return str(credentials.get("username") or credentials.get("email") or "")


def _authenticated_at(login: SocialLogin) -> float:
    """When the person authenticated at the provider, in Unix time.

    A provider that does not give auth_time counts as now if it was made to ask again, else as 0.
    """
    auth_time = (login.account.extra_data.get("id_token") or {}).get("auth_time")
    if isinstance(auth_time, int):
        return min(auth_time, time.time())
    return time.time() if login.state.get("afresh") else 0


def _follow_roles(login: SocialLogin) -> None:
    """Updates the operator role. Some providers put the claim only into the access token, so all three are read."""
    data, user, token = login.account.extra_data, login.user, login.token
    assert isinstance(user, User)
    assert token is not None
    claims = [data.get("id_token"), data.get("userinfo"), provider.access_token_claims(token.token)]
    follow_operator_role(user, any(provider.names_operator(one) for one in claims if one))
