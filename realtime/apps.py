"""Transport: sockets, groups and the door to the matching queue. No models, no rules."""

from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    name = "realtime"
    default_auto_field = "django.db.models.BigAutoField"
