"""What allauth asks us: may a stranger sign up, and who is it that the provider sends?"""

import logging
import time
from typing import Any, NoReturn

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
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST
from requests import RequestException

from accounts import provider
from accounts.models import User
from accounts.services import follow_operator_role

logger = logging.getLogger(__name__)

SIGN_IN_AFRESH = "sign_in_afresh"  # session key: the provider shall ask who it is, though it may remember
NAME_MAX = 150  # characters of first and last name in the table


class Adapter(DefaultAccountAdapter):
    """Named in settings.ACCOUNT_ADAPTER."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Closed unless the operator opened it: every new user brings starting cash into the market."""
        return bool(settings.SIGN_UP_OPEN)

    def post_login(self, request: HttpRequest, user: Any, **how: Any) -> HttpResponse:
        """Notes when the person has shown who they are, which the provider may have remembered from long ago."""
        by_provider = (how["signal_kwargs"] or {}).get("sociallogin")
        if by_provider is not None:
            request.session[AUTHENTICATION_METHODS_SESSION_KEY][-1]["at"] = _shown_at(by_provider)
        request.session.pop(SIGN_IN_AFRESH, None)
        request.session.modified = True
        return super().post_login(request, user, **how)


class ProviderAdapter(DefaultSocialAccountAdapter):
    """Named in settings.SOCIALACCOUNT_ADAPTER. Who may sign in at the provider may sign in here; what it says of
    operators is followed at every sign-in."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return True

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        said, user = sociallogin.account.extra_data, sociallogin.user
        assert isinstance(user, User)
        if len({part["sub"] for part in (said.get("userinfo"), said.get("id_token")) if part}) > 1:
            raise PermissionDenied("The provider named two different people.")
        if sociallogin.is_existing:
            _follow_roles(sociallogin)
        elif any(filter_users_by_email(address.email) for address in sociallogin.email_addresses):
            # Somebody here has this address, and may have typed it in: no reason to be them. It is left to them.
            sociallogin.email_addresses = []
            user.email = ""

    def on_authentication_error(self, request: HttpRequest, *about: Any, **more: Any) -> NoReturn:
        """Cancelled or refused there, or a callback that nobody here waits for: back to where to try again."""
        if more.get("exception") is not None:
            logger.warning("A sign-in with the provider failed: %s", more["exception"])
        messages.error(request, f"Sign-in with {settings.OIDC_NAME} failed. Try again.")
        raise ImmediateHttpResponse(redirect("account_login"))

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
    """Who has no password shows who they are by signing in again. A link that leads here signs nobody out."""
    if request.method == "GET":
        return render(request, "account/afresh.html", {"next": request.GET.get(REDIRECT_FIELD_NAME, "")})
    logout(request)
    request.session[SIGN_IN_AFRESH] = True
    return redirect_to_login(request.POST.get(REDIRECT_FIELD_NAME, ""))


@require_POST
def at_provider(request: HttpRequest) -> HttpResponse:
    """To the provider. Who has to show afresh that it is them is asked there."""
    if not settings.OIDC_ISSUER:
        raise Http404
    named = get_adapter(request).get_provider(request, settings.OIDC_ID)
    afresh = SIGN_IN_AFRESH in request.session
    params = named.get_auth_params() | ({"prompt": "login", "max_age": "0"} if afresh else {})
    next_url = get_next_redirect_url(request)
    try:
        response: HttpResponse = named.redirect(
            request, AuthProcess.LOGIN, next_url=next_url, auth_params=params, afresh=afresh
        )
    except (RequestException, KeyError):
        messages.error(request, f"{settings.OIDC_NAME} cannot be reached. Try again in a minute.")
        return redirect("account_login")
    return response


def _shown_at(login: SocialLogin) -> float:
    """Unix time. A provider that does not tell is believed only where it was asked to ask."""
    told = (login.account.extra_data.get("id_token") or {}).get("auth_time")
    if isinstance(told, int):
        return min(told, time.time())
    return time.time() if login.state.get("afresh") else 0


def _follow_roles(login: SocialLogin) -> None:
    """The claim stands in the id token, or, at some providers, in the access token only."""
    said, user, token = login.account.extra_data, login.user, login.token
    assert isinstance(user, User)
    assert token is not None
    claims = [said.get("id_token"), said.get("userinfo"), provider.access_token_claims(token.token)]
    follow_operator_role(user, any(provider.names_operator(one) for one in claims if one))
