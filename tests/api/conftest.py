"""The small exchange of the pages' tests, asked over REST, with a gateway that records commands."""

from typing import Any

import pytest
from django.test import Client

from accounts.tokens import create_token
from proto import exchange_pb2 as pb
from realtime import gateway
from realtime.errors import RequestFailed
from tests.pages.conftest import World

LIMITS = pb.Limits(limit=500, remaining=499, reset_ms=20)


class FakeMatcher:
    """Answers with `reply`, by default an order. Refuses commands with `refusal` and reads with `busy`, if set."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, pb.ClientMessage, dict[str, Any]]] = []
        self.charged: list[tuple[int, str, bool, int]] = []
        self.reply = pb.ServerMessage(limits=LIMITS, order_created=pb.OrderCreated())
        self.refusal: RequestFailed | None = None
        self.busy: RequestFailed | None = None

    async def ask(self, user: int, message: pb.ClientMessage, **more: Any) -> pb.ServerMessage:
        self.asked.append((user, message, more))
        if self.refusal:
            raise self.refusal
        return self.reply

    async def draw(
        self, user: int, rate_class: str, *, sudo: bool = False, cost: int = 1, as_of: int | None = None
    ) -> pb.Limits:
        self.charged.append((user, rate_class, sudo, cost))
        if self.busy:
            raise self.busy
        return LIMITS


@pytest.fixture
def matcher(monkeypatch: pytest.MonkeyPatch, settings: Any) -> FakeMatcher:
    fake = FakeMatcher()
    monkeypatch.setattr(gateway, "ask", fake.ask)
    monkeypatch.setattr(gateway, "draw", fake.draw)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return fake


@pytest.fixture
def world(db: None) -> World:
    return World()


@pytest.fixture
def alice(world: World, matcher: FakeMatcher) -> Client:
    """Alice, signed in by a token."""
    return Client(headers={"Authorization": f"Bearer {create_token(world.alice_user, 'test')[1]}"})
