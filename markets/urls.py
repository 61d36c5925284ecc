"""Addresses of markets."""

from django.urls import URLPattern, URLResolver, path

from markets import api, cash_views, histories_api, orders_api, owner_views, views

app_name = "markets"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.market_list, name="list"),
    path("markets/new/", owner_views.create, name="create"),
    path("markets/<id:market_id>/", views.market_page, name="market"),
    path("markets/<id:market_id>/describe/", owner_views.describe, name="describe"),
    path("markets/<id:market_id>/settle/", owner_views.settle, name="settle"),
    path("markets/<id:market_id>/orders/", views.place_order, name="place_order"),
    path("markets/<id:market_id>/cancel/", views.cancel, name="cancel_here"),
    path("portfolio/", views.portfolio, name="portfolio"),
    path("statement/", cash_views.statement, name="statement"),
    path("statement.csv", cash_views.statement_csv, name="statement_csv"),
    path("transfers/", cash_views.transfer_list, name="transfers"),
    path("orders/cancel/", views.cancel, name="cancel"),
]

api_urls: list[URLPattern | URLResolver] = [
    path("markets", api.Markets.as_view()),
    path("markets/<id:market_id>", api.Market.as_view()),
    path("markets/<id:market_id>/status", api.MarketStatus.as_view()),
    path("markets/<id:market_id>/settlement", api.Settlement.as_view()),
    path("markets/<id:market_id>/book", api.Book.as_view()),
    path("markets/<id:market_id>/orders", api.RestingOrders.as_view()),
    path("markets/<id:market_id>/trades", api.Trades.as_view()),
    path("markets/<id:market_id>/events", api.Events.as_view()),
    path("markets/<id:market_id>/history/trades", histories_api.TradeHistory.as_view()),
    path("markets/<id:market_id>/history/orders", histories_api.OrderHistory.as_view()),
    path("markets/<id:market_id>/positions", histories_api.Positions.as_view()),
    path("orders", orders_api.Orders.as_view()),
    path("orders/cancel", orders_api.CancelByClientId.as_view()),
    path("orders/out", orders_api.Out.as_view()),
    path("orders/<id:order_id>", orders_api.Order.as_view()),
    path("portfolio", orders_api.Portfolio.as_view()),
    path("statement", orders_api.Statement.as_view()),
]
