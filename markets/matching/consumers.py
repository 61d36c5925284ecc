"""The serialized consumer of the channel "matching": one instance, one message after another, into the inbox."""

from collections.abc import Awaitable, Callable
from typing import cast

from channels.consumer import AsyncConsumer

from markets.matching.matcher import Matcher
from realtime.messages import ToMatcher


class MatchingConsumer(AsyncConsumer):
    """Does nothing but hand over: the Matcher owns the engine, and its inbox has the limit."""

    matcher: Matcher

    def __init__(self, matcher: Matcher) -> None:
        self.matcher = matcher

    async def __call__(self, scope: object, receive: Callable[[], Awaitable[object]], send: object) -> None:
        """Own loop: the stock one hops to a thread before every message to look after database connections."""
        while True:
            await self.matcher.offer(cast(ToMatcher, await receive()))
