"""Forms without scripts: they send a command, redirect to a page, and that page shows the result."""

import pytest
from django.test import Client

from accounts.acting import REFUSALS, SESSION_KEY
from accounts.forms import AccountsField
from accounts.models import Account
from proto import exchange_pb2 as pb
from realtime.errors import RequestFailed
from tests.pages.conftest import CHIP, FakeGateway, World
from tests.pages.html import fields, read, toasts

TICKET = {
    "account": "2",
    "key": "k1",
    "side": "bid",
    "price": "48.5",
    "size": "10",
    "time_in_force": "GTC",
}


def placed(filled: int, open: int) -> pb.ServerMessage:
    order = pb.Order(side=pb.BID, price=4_850, size=1_000, filled=filled, open=open)
    return pb.ServerMessage(order_created=pb.OrderCreated(order=order))


class TestPlaceOrder:
    def test_asks_for_what_was_typed(self, alice: Client, world: World, exchange: FakeGateway) -> None:
        exchange.reply = placed(filled=300, open=700)
        ticket = {**TICKET, "time_in_force": "IOC", "post_only": "on"}
        response = alice.post("/markets/7/orders/", ticket, follow=True)
        order = pb.CreateOrder(
            market_id=7,
            side=pb.BID,
            price=4_850,
            size=1_000,
            time_in_force=pb.IOC,
            post_only=True,
            client_order_id="k1",
        )
        assert exchange.last == (world.alice_user.pk, 2, pb.ClientMessage(create_order=order))
        assert response.redirect_chain == [("/markets/7/", 302)]
        assert toasts(read(response)) == ["Bid 10 @ 48.50: 3 filled, 7 open."]

    def test_says_a_refusal_in_words(self, alice: Client, exchange: FakeGateway) -> None:
        exchange.refusal = RequestFailed(pb.INSUFFICIENT_FUNDS, "Needs 400, has 250 available.")
        page = read(alice.post("/markets/7/orders/", TICKET, follow=True))
        assert [(toast.text, toast.attributes["data-kind"]) for toast in page.all("toast")] == [
            ("Needs 400, has 250 available.", "error")
        ]
        assert page.one("ticket-price").attributes["value"] == "48.5", "what was typed is still there"
        assert page.one("ticket-size").attributes["value"] == "10"

    def test_a_form_that_was_sent_before_with_other_input_is_refused(
        self, alice: Client, exchange: FakeGateway
    ) -> None:
        exchange.refusal = RequestFailed(pb.KEY_CONFLICT, "The key was used.")
        page = read(alice.post("/markets/7/orders/", TICKET, follow=True))
        assert toasts(page) == [REFUSALS[pb.KEY_CONFLICT]]
        assert fields(page.one("ticket"))["key"] not in ("", "k1")

    @pytest.mark.parametrize(
        ("field", "value", "words"),
        [
            ("price", "48.505", "Price: Enter at most 2 decimals."),
            ("price", "1,500", "Price: Write 1500 or 1.5: “1,500” can mean both."),
            ("price", "", "Price: This field is required."),
            ("size", "1e3", "Size: Enter a number, like 1000.5."),
            ("size", "12345678901234567", "Size: This number is too large."),
            ("side", "buy", "Side: Select a valid choice. buy is not one of the available choices."),
        ],
    )
    def test_what_is_no_order_is_not_sent(
        self, alice: Client, exchange: FakeGateway, field: str, value: str, words: str
    ) -> None:
        page = read(alice.post("/markets/7/orders/", {**TICKET, field: value}, follow=True))
        assert exchange.asked == []
        assert toasts(page) == [words]

    def test_trades_for_the_account_that_the_page_showed(
        self, alice: Client, world: World, exchange: FakeGateway
    ) -> None:
        """Another tab of the browser may have switched the account."""
        session = alice.session
        session[SESSION_KEY] = world.bot.id
        session.save()
        exchange.reply = placed(0, 1_000)
        alice.post("/markets/7/orders/", TICKET)
        assert exchange.last.account == world.alice.id

    @pytest.mark.parametrize("account", ["3", "1", "", "x", "²", "-2"])
    def test_sends_nothing_for_an_account_out_of_reach(
        self, alice: Client, exchange: FakeGateway, account: str
    ) -> None:
        page = read(alice.post("/markets/7/orders/", {**TICKET, "account": account}, follow=True))
        assert exchange.asked == []
        assert toasts(page) == ["You may no longer act as this account. Nothing was sent."]

    def test_every_page_has_a_fresh_key(self, alice: Client, world: World) -> None:
        def key() -> str:
            ticket = read(alice.get("/markets/7/")).one("ticket")
            (field,) = (e for e in ticket.named("input") if e.attributes.get("name") == "key")
            return field.attributes["value"]

        assert key() != key()

    def test_needs_the_csrf_token(self, world: World, exchange: FakeGateway) -> None:
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(world.alice_user)
        assert browser.post("/markets/7/orders/", TICKET).status_code == 403
        assert exchange.asked == []


class TestCancel:
    def test_one_order(self, alice: Client, exchange: FakeGateway) -> None:
        response = alice.post("/markets/7/cancel/", {"account": "2", "order": "123"}, follow=True)
        assert exchange.last.message == pb.ClientMessage(cancel_order=pb.CancelOrder(order_id=123))
        assert response.redirect_chain == [("/markets/7/", 302)]
        assert toasts(read(response)) == ["Order cancelled."]

    @pytest.mark.parametrize(("side", "wire"), [("", pb.SIDE_UNSPECIFIED), ("bid", pb.BID), ("offer", pb.OFFER)])
    def test_all_of_mine_here(self, alice: Client, exchange: FakeGateway, side: str, wire: pb.Side.ValueType) -> None:
        cancelled = [pb.CancelledOrder(order_id=1), pb.CancelledOrder(order_id=2)]
        exchange.reply = pb.ServerMessage(orders_cancelled=pb.OrdersCancelled(orders=cancelled))
        page = read(alice.post("/markets/7/cancel/", {"account": "2", "side": side}, follow=True))
        assert exchange.last.message == pb.ClientMessage(out=pb.Out(market_id=7, side=wire))
        assert toasts(page) == ["2 orders cancelled."]

    def test_everywhere_from_the_portfolio(self, alice: Client, exchange: FakeGateway) -> None:
        response = alice.post("/orders/cancel/", {"account": "4", "side": ""}, follow=True)
        assert exchange.last[1:] == (4, pb.ClientMessage(out=pb.Out()))
        assert response.redirect_chain == [("/portfolio/", 302)]
        assert toasts(read(response)) == ["There were no orders to cancel."]

    @pytest.mark.parametrize("order", ["x", "-1", "9" * 30])
    def test_what_is_no_order_is_not_sent(self, alice: Client, exchange: FakeGateway, order: str) -> None:
        alice.post("/markets/7/cancel/", {"account": "2", "order": order})
        assert exchange.asked == []


class TestTransfer:
    FORM = {"account": "2", "key": "k1", "to": " bob ", "amount": "12.5", "note": "lunch"}

    def test_goes_to_an_account_by_its_name(self, alice: Client, exchange: FakeGateway) -> None:
        page = read(alice.post("/transfers/new/", self.FORM, follow=True))
        transfer = pb.MakeTransfer(from_account_id=2, to_account_id=3, amount=125 * CHIP // 10, note="lunch", key="k1")
        assert exchange.last[1:] == (2, pb.ClientMessage(make_transfer=transfer))
        assert toasts(page) == ["Sent 12.5 chips to Bob."]

    @pytest.mark.parametrize(
        ("field", "value", "words"),
        [
            ("to", "Nobody", "To: There is no account with this name."),
            ("to", "House", "To: There is no account with this name."),
            ("amount", "1.00005", "Amount: Enter at most 4 decimals."),
            ("note", "x" * 201, "Note: Ensure this value has at most 200 characters (it has 201)."),
        ],
    )
    def test_what_is_no_transfer_is_not_sent(
        self, alice: Client, exchange: FakeGateway, field: str, value: str, words: str
    ) -> None:
        page = read(alice.post("/transfers/new/", {**self.FORM, field: value}, follow=True))
        assert exchange.asked == []
        assert toasts(page) == [words]

    def test_finds_a_name_with_marks_that_nobody_sees(self, alice: Client, world: World, exchange: FakeGateway) -> None:
        """The engine's key leaves them out."""
        Account.objects.filter(pk=world.bob.pk).update(name="❤\ufe0f Bob", name_key="❤ bob")
        for written in ("❤\ufe0f Bob", " ❤\ufe0f  Bob ", "❤ BOB"):
            alice.post("/transfers/new/", {**self.FORM, "to": written})
            assert exchange.last.message.make_transfer.to_account_id == world.bob.pk
            assert AccountsField().clean(written) == (world.bob.pk,)

    def test_is_never_paid_by_somebody_else(self, alice: Client, exchange: FakeGateway) -> None:
        alice.post("/transfers/new/", {**self.FORM, "account": "3"})
        assert exchange.asked == []


class TestAlt:
    def test_is_opened_under_the_acting_account(self, alice: Client, exchange: FakeGateway) -> None:
        account = pb.Account(id=9, name="Scalper")
        exchange.reply = pb.ServerMessage(account_created=pb.AccountCreated(account=account))
        page = read(alice.post("/accounts/new/", {"account": "4", "key": "k", "name": "Scalper"}, follow=True))
        assert exchange.last[1:] == (4, pb.ClientMessage(create_account=pb.CreateAccount(name="Scalper", key="k")))
        assert toasts(page) == ["Scalper is created. Act as it to trade with it."]

    def test_needs_a_name(self, alice: Client, exchange: FakeGateway) -> None:
        alice.post("/accounts/new/", {"account": "2", "name": " "})
        assert exchange.asked == []


BEYOND = (10**30, 2**63, 10**18)
ADDRESSES = (
    "/accounts/{}/share/",
    "/accounts/{}/leave/",
    "/keys/{}/revoke/",
    "/markets/{}/",
    "/markets/{}/orders/",
    "/markets/{}/cancel/",
    "/markets/{}/settle/",
    "/markets/{}/describe/",
    "/auctions/{}/",
    "/auctions/{}/edit/",
    "/auctions/{}/withdraw/",
    "/auctions/{}/buy/",
)


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("id", BEYOND)
def test_an_id_that_no_row_can_have_is_nothing(alice: Client, exchange: FakeGateway, address: str, id: int) -> None:
    exchange.refusal = RequestFailed(pb.MARKET_NOT_FOUND, "It is not there.")
    for response in (alice.get(address.format(id)), alice.post(address.format(id), {**TICKET, "receiver": "bob"})):
        assert response.status_code in (302, 404, 405)


@pytest.mark.parametrize("account", ["9" * 25, "9" * 5_000, "-1", "1.5", "²"])
@pytest.mark.parametrize("path", ["/act-as/", "/transfers/new/", "/accounts/new/", "/markets/7/orders/"])
def test_nor_is_such_an_account(alice: Client, exchange: FakeGateway, path: str, account: str) -> None:
    form = {**TICKET, "account": account, "to": "bob", "amount": "1", "name": "Desk"}
    assert alice.post(path, form).status_code == 302
    assert exchange.asked == []
