"""Addresses of accounts."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, path

from accounts import api, views
from accounts import paths as paths  # the converter of ids

app_name = "accounts"

urlpatterns: list[URLPattern | URLResolver] = [
    path("act-as/", views.act_as, name="act_as"),
    path("accounts/", views.accounts, name="accounts"),
    path("accounts/<id:account_id>/share/", views.share, name="share"),
    path("accounts/<id:account_id>/leave/", views.leave, name="leave"),
    path("accounts/new/", views.create_alt, name="create_alt"),
    path("transfers/new/", views.make_transfer, name="make_transfer"),
    path("keys/", views.keys, name="keys"),
    path("keys/<id:token_id>/revoke/", views.revoke_key, name="revoke_key"),
    path("sudo/", views.sudo_switch, name="sudo"),
    path("theme/", views.theme, name="theme"),
]

api_urls: list[URLPattern | URLResolver] = [
    path("me", api.Me.as_view()),
    path("me/account", api.UserAccount.as_view()),
    path("accounts", api.Accounts.as_view()),
    path("accounts/<id:account_id>", api.Account.as_view()),
    path("accounts/<id:account_id>/owners", api.Owners.as_view()),
    path("accounts/<id:account_id>/share", api.Share.as_view()),
    path("accounts/<id:account_id>/leave", api.Leave.as_view()),
    path("accounts/<id:account_id>/revoke", api.Revoke.as_view()),
    path("accounts/<id:account_id>/redistribute", api.Redistribute.as_view()),
    path("transfers", api.Transfers.as_view()),
    path("gifts", api.Gifts.as_view()),
    path("collections", api.Collections.as_view()),
]

demo_urls: list[URLPattern | URLResolver] = [path("demo/sign-in", views.demo_sign_in, name="demo_sign_in")]

if settings.DEMO:
    urlpatterns += demo_urls
