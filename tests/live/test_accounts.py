"""Alts, transfers and acting as an account, through real sockets: both sides get messages, and credits move."""

from proto import exchange_pb2 as pb
from tests.live.exchange import LiveExchange
from tests.live.raw_socket import kinds, signed_in
from tests.live.requests import bid, new_market

CHIP = 10_000


async def test_both_sides_receive_a_payment(live: LiveExchange) -> None:
    async with (
        signed_in(live.ws_url, live.token("alice")) as alice,
        signed_in(live.ws_url, live.token("bob")) as bob,
    ):
        request = pb.MakeTransfer(
            from_account_id=alice.account, to_account_id=bob.account, amount=25 * CHIP + 1, note="Lunch, ½ of it"
        )
        paid = await alice.ask(make_transfer=request)
        transfer = paid.transfer_created.transfer
        assert (transfer.kind, transfer.amount, transfer.note) == (pb.PAYMENT, 250_001, "Lunch, ½ of it")
        for socket in (alice, bob):
            received = await socket.until_received(f"account.{socket.account}", paid.seq)
            assert kinds(received) == ["transfer_created", "portfolio_updated"]
            assert received[0].transfer_created.transfer == transfer


async def test_an_alt_gets_money_trades_and_pays_back(live: LiveExchange) -> None:
    async with signed_in(live.ws_url, live.token("student1")) as me:
        created = await me.ask(create_account=pb.CreateAccount(name="  My   desk "))
        alt = created.account_created.account
        assert (alt.name, alt.kind) == ("My desk", pb.ALT)
        deposit = pb.MakeTransfer(from_account_id=me.account, to_account_id=alt.id, amount=100 * CHIP)
        assert (await me.ask(make_transfer=deposit)).transfer_created.transfer.kind == pb.DEPOSIT
        market = await new_market(me)
        await me.ask(act_as=pb.ActAs(account_id=alt.id))
        await me.ask(create_order=bid(market, 4_000, 200))
        back = pb.MakeTransfer(from_account_id=alt.id, to_account_id=me.account, amount=21 * CHIP)
        refused = await me.ask(make_transfer=back)
        assert refused.refused.code == pb.INSUFFICIENT_FUNDS  # its bid uses 80 of its 100
        assert "20" in refused.refused.message
        back.amount = 20 * CHIP
        paid = await me.ask(make_transfer=back)
        assert paid.transfer_created.transfer.kind == pb.WITHDRAWAL
        received = await me.until_received(f"account.{alt.id}", paid.seq)
        portfolio = received[-1].portfolio_updated
        assert (portfolio.cash, portfolio.available) == (80 * CHIP, 0)
        assert [(owner.owner_id, owner.credit) for owner in portfolio.owners] == [(me.account, 80 * CHIP)]


async def test_one_acts_as_alts_of_alts_and_a_new_connection_begins_with_all_of_them(live: LiveExchange) -> None:
    async with signed_in(live.ws_url, live.token("student2")) as me:
        owner = me.account
        for depth in range(4):
            created = await me.ask(create_account=pb.CreateAccount(name=f"Depth {depth}", owner_id=owner))
            assert [one.owner_id for one in created.account_created.owners] == [owner]
            owner = created.account_created.account.id
        assert (await me.ask(act_as=pb.ActAs(account_id=owner))).acting_as.account_id == owner
    async with signed_in(live.ws_url, live.token("student2"), act_as=owner) as me:
        begun = [message.snapshot_begin.stream for message in me.received if message.HasField("snapshot_begin")]
        assert begun[:2] == ["public", f"account.{me.account}"]
        assert len(begun) == 6
        assert me.received[-1].acting_as.account_id == owner


async def test_a_name_that_looks_like_a_taken_one_is_refused(live: LiveExchange) -> None:
    async with signed_in(live.ws_url, live.token("carol")) as carol:
        assert (await carol.ask(create_account=pb.CreateAccount(name="Ｂlue"))).HasField("account_created")
        taken = await carol.ask(create_account=pb.CreateAccount(name="BLUE"))
        assert taken.refused.code == pb.NAME_TAKEN
