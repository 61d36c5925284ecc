"""A channel layer that loses a share of the messages to groups, as Channels allows every layer to."""

import atexit
import os
import random
from collections import Counter
from typing import Any

from realtime.layers import LocalLayer

LOST_SHARE = 0.1


class LossyLayer(LocalLayer):
    """LOSSY_SEED decides which messages are lost. At exit it prints how many, and how many resyncs hubs requested."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._rng = random.Random(int(os.environ["LOSSY_SEED"]))
        self._lost: Counter[str] = Counter()
        self._resyncs: Counter[str] = Counter()
        atexit.register(self._tell)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if self._rng.random() < LOST_SHARE:
            self._lost[message["type"]] += 1
            return
        await super().group_send(group, message)

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        if message["type"] == "resync":
            self._resyncs.update(list(message["streams"]))
        await super().send(channel, message)

    def _tell(self) -> None:
        for kind, count in self._lost.items():
            print(f"lost {kind} {count}", flush=True)
        print(f"resynced {len(self._resyncs)} streams {self._resyncs.total()}", flush=True)
