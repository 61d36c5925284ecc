"""A bug in a rule ends the process before the command has any effect. The command is kept, and refused later."""

import json
from collections.abc import Callable

from websockets.exceptions import ConnectionClosed

from proto import exchange_pb2 as pb
from tests.live.exchange import LiveExchange
from tests.live.raw_socket import signed_in
from tests.live.requests import hundred, new_market
from tests.live.tables import Tables
from tests.patience import STEP_SECONDS_MAX

END_SECONDS = STEP_SECONDS_MAX


async def test_a_command_that_hits_a_bug_is_quarantined(start_exchange: Callable[..., LiveExchange]) -> None:
    live = start_exchange(DJANGO_SETTINGS_MODULE="tests.live.settings.planted_bug")
    assert live.process is not None
    async with signed_in(live.ws_url, live.token("alice")) as alice:
        await new_market(alice)
        head = Tables(live.env).head
        try:
            answer = await alice.ask(create_market=hundred("Boom"))
        except ConnectionClosed:
            answer = None
    assert answer is None
    assert live.process.wait(END_SECONDS) == 1
    assert Tables(live.env).head == head
    (kept,) = (live.folder / "crash").glob("*.json")
    assert [command["user"] for command in json.loads(kept.read_text())] == [live.people["alice"]["id"]]

    live.start()
    async with signed_in(live.ws_url, live.token("alice")) as alice:
        assert (await alice.ask(create_market=hundred("Boom"))).refused.code == pb.QUARANTINED
        await new_market(alice)
    live.verify()

    kept.unlink()
    live.env["DJANGO_SETTINGS_MODULE"] = "exchange.settings"
    live.restart()
    async with signed_in(live.ws_url, live.token("alice")) as alice:
        assert (await alice.ask(create_market=hundred("Boom"))).HasField("market_created")
    live.verify()
