"""An exchange with a bug in a rule: creating a market called Boom raises an error after the state has changed."""

from typing import Any

from django.apps import AppConfig

from exchange.settings import *  # noqa: F403
from exchange.settings import INSTALLED_APPS
from markets.engine.commands import CreateMarket
from markets.engine.engine import HANDLERS


class PlantedBug(AppConfig):
    name = "tests.live.settings"
    label = "planted_bug"

    def ready(self) -> None:

        create_market = HANDLERS[CreateMarket]

        def broken(state: Any, account: Any, command: Any, at_us: int) -> Any:
            events = create_market(state, account, command, at_us)
            return events if command.name != "Boom" else 1 // 0

        HANDLERS[CreateMarket] = broken


INSTALLED_APPS = [*INSTALLED_APPS, "tests.live.settings.planted_bug.PlantedBug"]
