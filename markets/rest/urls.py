"""Addresses of markets under /api/v1/."""

from django.urls import URLPattern, URLResolver, path

from markets.rest import histories, markets, orders

api_urls: list[URLPattern | URLResolver] = [
    path("markets", markets.Markets.as_view()),
    path("markets/<id:market_id>", markets.Market.as_view()),
    path("markets/<id:market_id>/status", markets.MarketStatus.as_view()),
    path("markets/<id:market_id>/settlement", markets.Settlement.as_view()),
    path("markets/<id:market_id>/book", markets.Book.as_view()),
    path("markets/<id:market_id>/orders", markets.RestingOrders.as_view()),
    path("markets/<id:market_id>/trades", markets.Trades.as_view()),
    path("markets/<id:market_id>/events", markets.Events.as_view()),
    path("markets/<id:market_id>/history/trades", histories.TradeHistory.as_view()),
    path("markets/<id:market_id>/history/orders", histories.OrderHistory.as_view()),
    path("markets/<id:market_id>/positions", histories.Positions.as_view()),
    path("orders", orders.Orders.as_view()),
    path("orders/cancel", orders.CancelByClientId.as_view()),
    path("orders/out", orders.Out.as_view()),
    path("orders/<id:order_id>", orders.Order.as_view()),
    path("portfolio", orders.Portfolio.as_view()),
    path("statement", orders.Statement.as_view()),
]
