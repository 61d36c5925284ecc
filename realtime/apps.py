"""The Django app of the transport: sockets, groups and the gateway to the matching queue. No models, no rules."""

from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    name = "realtime"
    default_auto_field = "django.db.models.BigAutoField"
