"""Addresses of accounts: pages, REST (api_urls) and, with DEMO=1, the demo sign-in."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, path

from accounts import api, views
from accounts import paths as paths  # registers the converter `id`

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
    path("me", api.MeDetail.as_view()),
    path("me/account", api.OpenUserAccount.as_view()),
    path("accounts", api.AccountList.as_view()),
    path("accounts/<id:account_id>", api.AccountDetail.as_view()),
    path("accounts/<id:account_id>/owners", api.OwnerList.as_view()),
    path("accounts/<id:account_id>/share", api.ShareAccount.as_view()),
    path("accounts/<id:account_id>/leave", api.LeaveAccount.as_view()),
    path("accounts/<id:account_id>/revoke", api.RevokeShare.as_view()),
    path("accounts/<id:account_id>/redistribute", api.RedistributeCredit.as_view()),
    path("transfers", api.TransferList.as_view()),
    path("gifts", api.GiveMoney.as_view()),
    path("collections", api.CollectMoney.as_view()),
]

demo_urls: list[URLPattern | URLResolver] = [path("demo/sign-in", views.demo_sign_in, name="demo_sign_in")]

if settings.DEMO:
    urlpatterns += demo_urls
