"""The consumer of the channel "matching". One instance puts one message after another into the matcher's inbox."""

from collections.abc import Awaitable, Callable
from typing import cast

from channels.consumer import AsyncConsumer

from markets.matching.matcher import Matcher
from realtime.messages import ToMatcher


class MatchingConsumer(AsyncConsumer):
    """Only hands messages over. The Matcher owns the engine, and its inbox has the limit."""

    matcher: Matcher

    def __init__(self, matcher: Matcher) -> None:
        self.matcher = matcher

    async def __call__(self, scope: object, receive: Callable[[], Awaitable[object]], send: object) -> None:
        """Replaces the stock loop, which switches to a thread before every message to tend database connections."""
        while True:
            await self.matcher.offer(cast(ToMatcher, await receive()))
