"""Addresses of markets."""

from django.urls import URLPattern, URLResolver, path

from markets import views

app_name = "markets"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.market_list, name="list"),
    path("markets/<int:market_id>/", views.market_page, name="market"),
    path("markets/<int:market_id>/orders/", views.place_order, name="place_order"),
    path("markets/<int:market_id>/cancel/", views.cancel, name="cancel_here"),
    path("portfolio/", views.portfolio, name="portfolio"),
    path("orders/cancel/", views.cancel, name="cancel"),
]
