"""How long to wait before the next connection."""

import random
from collections.abc import Callable

RESTART_CODE = 1012  # WebSocket close code: the exchange is restarting
FIRST_SECONDS = 0.25
MOST_SECONDS = 10.0
RESTART_SECONDS = 5.0
ATTEMPTS = 8  # in a row, before the first connection; together they take about 20 s


class Backoff:
    """Random waits between connections, so that clients do not all come back at once.

    A wait is between 0 and a bound. The bound doubles from `first` to `most` seconds with each failure; after a restart
    (1012) it is `restart` seconds.
    """

    def __init__(
        self,
        *,
        first: float = FIRST_SECONDS,
        most: float = MOST_SECONDS,
        restart: float = RESTART_SECONDS,
        attempts: int | None = ATTEMPTS,
        reconnects: int | None = None,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """How many failures in a row are endured, None for any number: `attempts` before the first connection, which
        may have a wrong address, and `reconnects` after it. `draw(low, high)`: a random number."""
        self._first = first
        self._most = most
        self._restart = restart
        self._attempts = attempts
        self._reconnects = reconnects
        self._draw = draw
        self.failed = 0  # connections in a row
        self.was_connected = False

    def connected(self) -> None:
        """The address is right: from here on `reconnects` counts."""
        self.was_connected = True

    def reset(self) -> None:
        """A connection lasted: the next failure is the first again."""
        self.failed = 0

    def wait_after(self, close_code: int) -> float | None:
        """Seconds to wait after a connection ended or failed; None: give up."""
        most = self._reconnects if self.was_connected else self._attempts
        if most is not None and self.failed >= most:
            return None
        doubled = self._first * 2 ** min(self.failed, 30)
        self.failed += 1
        return self._draw(0.0, self._restart if close_code == RESTART_CODE else min(doubled, self._most))
