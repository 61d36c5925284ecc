"""All addresses as with DEMO=1: the demo's are included."""

from django.urls import include, path

from accounts.urls import demo_urls
from accounts.urls import urlpatterns as of_accounts
from exchange.urls import urlpatterns as served

# The first of two equal names wins.
urlpatterns = [path("", include(([*of_accounts, *demo_urls], "accounts"))), *served]
