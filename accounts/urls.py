"""Addresses of accounts."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, path

from accounts import views

app_name = "accounts"

urlpatterns: list[URLPattern | URLResolver] = [
    path("act-as/", views.act_as, name="act_as"),
    path("accounts/", views.accounts, name="accounts"),
    path("accounts/<int:account_id>/share/", views.share, name="share"),
    path("accounts/<int:account_id>/leave/", views.leave, name="leave"),
    path("accounts/new/", views.create_alt, name="create_alt"),
    path("transfers/new/", views.make_transfer, name="make_transfer"),
    path("keys/", views.keys, name="keys"),
    path("keys/<int:token_id>/revoke/", views.revoke_key, name="revoke_key"),
    path("sudo/", views.sudo_switch, name="sudo"),
    path("theme/", views.theme, name="theme"),
]

demo_urls: list[URLPattern | URLResolver] = [path("demo/sign-in", views.demo_sign_in, name="demo_sign_in")]

if settings.DEMO:
    urlpatterns += demo_urls
