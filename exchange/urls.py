"""Every address of the exchange except the socket's, /ws (asgi.py)."""

from allauth.account import views as sign_in
from allauth.socialaccount.providers.openid_connect import views as openid_connect
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path

from accounts.console.rights import recent_sign_in_required
from accounts.urls import api_urls as accounts_api
from auctions.urls import api_urls as auctions_api
from exchange import api, help
from exchange.sign_in import afresh, at_provider, limited, password_reset
from markets.rest.urls import api_urls as markets_api

RESETS = "PASSWORD_RESETS_PER_ADDRESS_MAX"

# allauth's views under our addresses. allauth looks up pages by these names, so all of them are needed. Sign-up is
# here even while it is closed (sign_in.Adapter).
sign_in_urls: list[URLPattern | URLResolver] = [
    path("sign-in/", sign_in.login, name="account_login"),
    path("sign-in/again/", sign_in.reauthenticate, name="account_reauthenticate"),
    path("sign-in/afresh/", afresh, name="sign_in_afresh"),
    path("sign-in/provider/", at_provider, name="provider_sign_in"),
    path("sign-in/<str:provider_id>/callback/", openid_connect.callback, name="openid_connect_callback"),
    path("sign-out/", sign_in.logout, name="account_logout"),
    path("sign-up/", limited("SIGN_UPS_PER_ADDRESS_MAX", sign_in.signup), name="account_signup"),
    path("inactive/", sign_in.account_inactive, name="account_inactive"),
    path("password/", sign_in.password_change, name="account_change_password"),
    path("password/set/", recent_sign_in_required(sign_in.password_set), name="account_set_password"),
    path("password/reset/", limited(RESETS, password_reset), name="account_reset_password"),
    path("password/reset/sent/", sign_in.password_reset_done, name="account_reset_password_done"),
    path("password/reset/done/", sign_in.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    re_path(
        r"^password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        limited(RESETS, sign_in.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
    path("email/", recent_sign_in_required(sign_in.email), name="account_email"),
    path("email/sent/", sign_in.email_verification_sent, name="account_email_verification_sent"),
    re_path(r"^email/confirm/(?P<key>[-:\w]+)/$", sign_in.confirm_email, name="account_confirm_email"),
]

api_urls: list[URLPattern | URLResolver] = [
    path("time", api.Time.as_view()),
    path("status", api.Status.as_view()),
    path("health", api.Health.as_view()),
    path("schema", api.Schema.as_view(), name="schema"),
    *accounts_api,
    *auctions_api,
    *markets_api,
]

handler400 = "exchange.errors.bad_request"
handler404 = "exchange.errors.not_found"
handler429 = "exchange.errors.too_many_requests"
handler500 = "exchange.errors.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/docs", api.docs, name="docs"),
    path("api/v1/", include(api_urls)),
    re_path("^api/", api.UnknownAddress.as_view()),
    path("proto/exchange.proto", api.contract, name="contract"),
    path("help/", help.index, name="help"),
    path("help/<slug:name>/", help.page, name="help_page"),
    re_path(r"^help/(?P<name>exchange_client-[\w.-]+\.whl)$", help.wheel, name="help_wheel"),
    path("admin/", admin.site.urls),
    *sign_in_urls,
    path("", include("accounts.urls")),
    path("", include("auctions.urls")),
    path("", include("markets.urls")),
]
