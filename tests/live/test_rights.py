"""What people may not do over a socket: operators' commands, and anything with what belongs to somebody else."""

from typing import Any

import pytest

from proto import exchange_pb2 as pb
from tests.live.exchange import LiveExchange
from tests.live.raw_socket import signed_in
from tests.live.requests import bid, new_market, offer
from tests.live.tables import Tables

OPERATORS_ONLY: list[dict[str, Any]] = [
    {"gift": pb.Gift(to_account_id=2, amount=10_000)},
    {"set_market_status": pb.SetMarketStatus(market_id=1, status=pb.PAUSED)},
    {"set_market_status": pb.SetMarketStatus(market_id=1, status=pb.CLOSED)},
    {"edit_market": pb.EditMarket(market_id=1, name="Lead")},
    {"edit_market": pb.EditMarket(market_id=1, description="It is not gold.")},
    {"settle_market": pb.SettleMarket(market_id=1, price=5_000)},
]


@pytest.mark.parametrize(("who", "code"), [("bob", pb.NOT_ALLOWED), ("operator", pb.SUDO_REQUIRED)])
async def test_operators_commands_need_sudo(live: LiveExchange, who: str, code: int) -> None:
    async with (
        signed_in(live.ws_url, live.token("alice")) as alice,
        signed_in(live.ws_url, live.token(who)) as socket,
    ):
        assert await new_market(alice) >= 1  # number 1 is Alice's
        tables = Tables(live.env)
        before = tables.digest()
        refusals = [(await socket.ask(**request)).refused.code for request in OPERATORS_ONLY]
        assert refusals == [code] * len(OPERATORS_ONLY)
        assert tables.digest() == before


async def test_an_owner_may_describe_and_settle_but_not_rename_or_pause(live: LiveExchange) -> None:
    async with signed_in(live.ws_url, live.token("carol")) as carol:
        market = await new_market(carol)
        described = await carol.ask(edit_market=pb.EditMarket(market_id=market, description="New words."))
        assert described.market_updated.market.description == "New words."
        for request in (
            {"edit_market": pb.EditMarket(market_id=market, name="Another name")},
            {"set_market_status": pb.SetMarketStatus(market_id=market, status=pb.PAUSED)},
        ):
            assert (await carol.ask(**request)).refused.code == pb.NOT_ALLOWED
        settled = await carol.ask(settle_market=pb.SettleMarket(market_id=market, price=0))
        assert settled.market_settled.market.status == pb.SETTLED


async def test_somebody_elses_order_and_account_are_not_found(live: LiveExchange) -> None:
    async with (
        signed_in(live.ws_url, live.token("alice")) as alice,
        signed_in(live.ws_url, live.token("bob")) as bob,
    ):
        market = await new_market(alice)
        order = (await alice.ask(create_order=bid(market, 10, 100, client_order_id="mine"))).order_created.order
        tables = Tables(live.env)
        before = tables.digest()
        asked: list[tuple[dict[str, Any], int]] = [
            ({"cancel_order": pb.CancelOrder(order_id=order.id)}, pb.ORDER_NOT_FOUND),
            ({"cancel_order": pb.CancelOrder(client_order_id="mine")}, pb.ORDER_NOT_FOUND),
            ({"act_as": pb.ActAs(account_id=alice.account)}, pb.ACCOUNT_NOT_FOUND),
            ({"act_as": pb.ActAs(account_id=1)}, pb.ACCOUNT_NOT_FOUND),  # the house
            ({"create_account": pb.CreateAccount(name="Cuckoo", owner_id=alice.account)}, pb.ACCOUNT_NOT_FOUND),
            (
                {"make_transfer": pb.MakeTransfer(from_account_id=alice.account, to_account_id=bob.account, amount=1)},
                pb.ACCOUNT_NOT_FOUND,
            ),
        ]
        for request, code in asked:
            assert (await bob.ask(**request)).refused.code == code, request
        nothing = await bob.ask(out=pb.Out(market_id=market))  # cancels only own orders: there are none
        assert list(nothing.orders_cancelled.orders) == []
        assert tables.digest() != before  # an Out that finds nothing is accepted and journalled ...
        assert [row[0] for row in tables.book(market)[pb.BID]] == [order.id]  # ... but her order still rests


async def test_an_order_belongs_to_the_account_acted_as(live: LiveExchange) -> None:
    async with signed_in(live.ws_url, live.token("student0")) as me:
        market = await new_market(me)
        alt = (await me.ask(create_account=pb.CreateAccount(name="My other self"))).account_created.account.id
        funded = pb.MakeTransfer(from_account_id=me.account, to_account_id=alt, amount=1_000_000)
        await me.ask(make_transfer=funded)
        assert (await me.ask(act_as=pb.ActAs(account_id=alt))).acting_as.account_id == alt
        mine = await me.ask(create_order=offer(market, 9_990, 100))
        assert mine.order_created.order.account_id == alt
        too_much = await me.ask(create_order=offer(market, 100, 10_000))
        assert too_much.refused.code == pb.INSUFFICIENT_FUNDS  # the alt's 100 chips count, not the user account's
        await me.ask(act_as=pb.ActAs(account_id=me.account))
        refused = await me.ask(cancel_order=pb.CancelOrder(order_id=mine.order_created.order.id))
        assert refused.refused.code == pb.ORDER_NOT_FOUND
