"""The addresses of the pages of markets. Those of REST are in rest/urls.py."""

from django.urls import URLPattern, URLResolver, path

from markets.pages import cash, markets, own_markets

app_name = "markets"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", markets.market_list, name="list"),
    path("markets/new/", own_markets.create, name="create"),
    path("markets/<id:market_id>/", markets.market_page, name="market"),
    path("markets/<id:market_id>/describe/", own_markets.describe, name="describe"),
    path("markets/<id:market_id>/settle/", own_markets.settle, name="settle"),
    path("markets/<id:market_id>/orders/", markets.place_order, name="place_order"),
    path("markets/<id:market_id>/cancel/", markets.cancel, name="cancel_here"),
    path("portfolio/", markets.portfolio, name="portfolio"),
    path("statement/", cash.statement, name="statement"),
    path("statement.csv", cash.statement_csv, name="statement_csv"),
    path("transfers/", cash.transfer_list, name="transfers"),
    path("orders/cancel/", markets.cancel, name="cancel"),
]
