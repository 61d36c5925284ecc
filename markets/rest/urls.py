"""The addresses of markets and orders under /api/v1/."""

from django.urls import URLPattern, URLResolver, path

from markets.rest import histories, markets, orders

api_urls: list[URLPattern | URLResolver] = [
    path("markets", markets.MarketList.as_view()),
    path("markets/<id:market_id>", markets.MarketDetail.as_view()),
    path("markets/<id:market_id>/status", markets.SetMarketStatus.as_view()),
    path("markets/<id:market_id>/settlement", markets.SettleMarket.as_view()),
    path("markets/<id:market_id>/book", markets.BookDetail.as_view()),
    path("markets/<id:market_id>/orders", markets.RestingOrderList.as_view()),
    path("markets/<id:market_id>/trades", markets.TradeList.as_view()),
    path("markets/<id:market_id>/events", markets.EventList.as_view()),
    path("markets/<id:market_id>/history/trades", histories.TradeHistory.as_view()),
    path("markets/<id:market_id>/history/orders", histories.OrderHistory.as_view()),
    path("markets/<id:market_id>/positions", histories.PositionList.as_view()),
    path("orders", orders.OrderList.as_view()),
    path("orders/cancel", orders.CancelByClientId.as_view()),
    path("orders/out", orders.CancelAllOrders.as_view()),
    path("orders/<id:order_id>", orders.OrderDetail.as_view()),
    path("portfolio", orders.PortfolioDetail.as_view()),
    path("statement", orders.StatementDetail.as_view()),
]
