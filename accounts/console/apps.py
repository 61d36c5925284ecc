"""The admin app of Django with the console as its site."""

from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AdminConfig):
    """Stands in INSTALLED_APPS in the place of django.contrib.admin."""

    default_site = "accounts.console.site.ConsoleSite"
