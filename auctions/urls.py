"""Addresses of auctions and their pictures: pages and REST (api_urls)."""

from django.urls import URLPattern, URLResolver, path, register_converter

from auctions import api, views
from auctions.pictures import NAME_PATTERN

app_name = "auctions"


class PictureName:
    """The exact name of a picture file."""

    regex = NAME_PATTERN

    def to_python(self, value: str) -> str:
        return value

    to_url = to_python


register_converter(PictureName, "picture")

urlpatterns: list[URLPattern | URLResolver] = [
    path("auctions/", views.board, name="board"),
    path("auctions/new/", views.create, name="create"),
    path("auctions/<id:auction_id>/", views.auction, name="auction"),
    path("auctions/<id:auction_id>/edit/", views.edit, name="edit"),
    path("auctions/<id:auction_id>/withdraw/", views.withdraw, name="withdraw"),
    path("auctions/<id:auction_id>/buy/", views.buy, name="buy"),
    path("pictures/<picture:name>", views.picture, name="picture"),
]

api_urls: list[URLPattern | URLResolver] = [
    path("auctions", api.AuctionList.as_view()),
    path("auctions/<id:auction_id>", api.AuctionDetail.as_view()),
    path("auctions/<id:auction_id>/purchase", api.BuyAuction.as_view()),
    path("auctions/<id:auction_id>/settlement", api.SettleAuction.as_view()),
    path("pictures", api.UploadPicture.as_view()),
]
