"""The auction board comes with the next milestone; the package keeps its place in the order of packages."""

from django.apps import AppConfig


class AuctionsConfig(AppConfig):
    name = "auctions"
    default_auto_field = "django.db.models.BigAutoField"
