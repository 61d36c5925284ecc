"""Few orders, and hardly any come back while a test runs, however slow the machine is."""

from exchange.settings import *  # noqa: F403
from exchange.settings import RATES

RATES["mutate"] = {"user": (1, 301), "sudo": (1, 301)}
