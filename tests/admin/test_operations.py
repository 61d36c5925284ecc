"""An operation sends one command with sudo, as the operator's own account, acts once, and shows the answer."""

from typing import Any, ClassVar

import pytest
from django.test import Client

from accounts.models import Account, AccountKind, Ownership
from markets.models import Market, MarketStatus, MarketVisibility
from proto import exchange_pb2 as pb
from realtime.errors import RequestFailed, busy
from tests.admin.conftest import CHIP, SEQ, Class, FakeGateway, browser, errors, key_on, said

MARKET = "/admin/markets/market/7"
CREATE = "/admin/markets/market/create/"
BOB = "/admin/accounts/account/3"
GIFT = f"{BOB}/gift/"
COLLECT = f"{BOB}/collect/"
TEAM = "/admin/accounts/account/4"
SHARE = "/admin/accounts/ownership/1"  # Alice's share of Team

NEW_MARKET = {
    "name": "Snow",
    "description": "Will it?\r\nYes or no.",
    "min_settlement": "-20",
    "max_settlement": "1,040.5",
    "tick_size": "0.1",
    "smallest_size": "1",
}

# path, form, the command that is sent, and the message that follows
COMMANDS: list[tuple[str, dict[str, str], pb.ClientMessage, str]] = [
    (
        CREATE,
        NEW_MARKET,
        pb.ClientMessage(
            create_market=pb.CreateMarket(
                name="Snow",
                description="Will it?\nYes or no.",
                min_settlement=-2_000,
                max_settlement=104_050,
                tick_size=10,
                smallest_size=100,
                key="k",
            )
        ),
        "Snow is open",
    ),
    *(
        (
            f"{MARKET}/{slug}/",
            {},
            pb.ClientMessage(set_market_status=pb.SetMarketStatus(market_id=7, status=status, key="k")),
            f"Rain is {now}",
        )
        for slug, status, now in (
            ("resume", pb.OPEN, "open"),
            ("cancel-only", pb.CANCEL_ONLY, "cancel only"),
            ("pause", pb.PAUSED, "paused"),
            ("close", pb.CLOSED, "closed"),
        )
    ),
    (
        f"{MARKET}/settle/",
        {"price": "70"},
        pb.ClientMessage(settle_market=pb.SettleMarket(market_id=7, price=7_000, key="k")),
        "Rain is settled at 70.00",
    ),
    (
        f"{MARKET}/edit/",
        {"name": "Rain", "initial-name": "Rain", "description": "New", "initial-description": "Old"},
        pb.ClientMessage(edit_market=pb.EditMarket(market_id=7, description="New", key="k")),
        "Rain is saved",
    ),
    (
        GIFT,
        {"amount": "1,000.0005", "note": "for luck"},
        pb.ClientMessage(gift=pb.Gift(to_account_id=3, amount=10_000_005, note="for luck", key="k")),
        "1,000.0005 chips went to Bob",
    ),
    (
        COLLECT,
        {"amount": "7.5", "note": "a fine"},
        pb.ClientMessage(collect=pb.Collect(from_account_id=3, amount=75_000, note="a fine", key="k")),
        "7.5 chips came from Bob",
    ),
    (
        f"{SHARE}/revoke/",
        {},
        pb.ClientMessage(revoke_share=pb.RevokeShare(account_id=4, owner_id=2, key="k")),
        "Alice no longer owns Team",
    ),
    (
        f"{SHARE}/redistribute/",
        {},
        pb.ClientMessage(redistribute=pb.Redistribute(account_id=4, owner_id=2, key="k")),
        "Alice's credit in Team went to the other owners",
    ),
]
every_command = pytest.mark.parametrize(("path", "form", "command", "words"), COMMANDS, ids=[c[0] for c in COMMANDS])


@every_command
class TestEveryCommand:
    def test_is_sent_with_sudo_as_the_operator_and_its_answer_is_told(
        self, path: str, form: Any, command: Any, words: str, operator: Client, world: Class, exchange: FakeGateway
    ) -> None:
        response = operator.post(path, {**form, "key": "k"})
        assert exchange.asked == [(world.operator_user.pk, 9, True, command)]
        assert said(response) == [f"{words}: entry {SEQ}."]
        pages = {GIFT: BOB, COLLECT: BOB} | dict.fromkeys((f"{SHARE}/revoke/", f"{SHARE}/redistribute/"), TEAM)
        back = f"{pages.get(path, MARKET)}/change/"
        assert (response.status_code, response["Location"]) == (302, back)

    def test_sent_twice_it_is_done_once_and_says_so(
        self, path: str, form: Any, command: Any, words: str, operator: Client, exchange: FakeGateway
    ) -> None:
        operator.post(path, {**form, "key": "k"})
        again = operator.post(path, {**form, "key": "k"})
        assert [asked.message for asked in exchange.asked] == [command, command]
        assert len(exchange.done) == 1
        assert said(again)[-1] == f"{words}: entry {SEQ}, sent twice and done once."

    def test_a_refusal_is_told_in_words_and_the_form_keeps_what_it_says(
        self, path: str, form: Any, command: Any, words: str, operator: Client, exchange: FakeGateway
    ) -> None:
        exchange.refusal = RequestFailed(pb.MARKET_SETTLED, "Rain is settled, at 3.")
        response = operator.post(path, {**form, "key": "k"})
        page = response.content.decode()
        assert errors(response) == {"__all__": ["Rain is settled, at 3."]}
        assert page.count("Rain is settled, at 3.") == 1
        assert said(response) == []
        if path != f"{MARKET}/settle/":  # its page then shows no preview to confirm
            assert 'name="key" value="k"' in page

    def test_without_its_key_nothing_is_sent(
        self, path: str, form: Any, command: Any, words: str, operator: Client, exchange: FakeGateway
    ) -> None:
        assert "key" in errors(operator.post(path, form))
        assert exchange.asked == []


def test_every_time_a_form_is_shown_it_has_another_key(operator: Client) -> None:
    assert key_on(operator, f"{MARKET}/pause/") != key_on(operator, f"{MARKET}/pause/")


def test_an_unknown_outcome_is_asked_again_with_the_same_key(operator: Client, exchange: FakeGateway) -> None:
    key = key_on(operator, GIFT)
    exchange.refusal = RequestFailed(pb.OUTCOME_UNKNOWN, "No answer in time. Ask again with the same key.")
    response = operator.post(GIFT, {"amount": "5", "key": key})
    (words,) = errors(response)["__all__"]
    assert "it does not happen a second time" in words
    assert f'name="key" value="{key}"' in response.content.decode()


def test_a_form_that_was_sent_with_other_entries_gets_a_new_key(operator: Client, exchange: FakeGateway) -> None:
    operator.post(GIFT, {"amount": "5", "key": "k"})
    response = operator.post(GIFT, {"amount": "6", "key": "k"})
    (words,) = errors(response)["__all__"]
    page = response.content.decode()
    assert "sent before with other entries" in words
    assert 'name="key" value="k"' not in page
    assert 'value="6"' in page
    assert len(exchange.done) == 1


def test_an_operator_without_an_account_gets_one_first(world: Class, exchange: FakeGateway) -> None:
    Account.objects.filter(pk=9).delete()
    browser(world.operator_user).post(f"{MARKET}/pause/", {"key": "k"})
    opened, paused = exchange.asked
    assert opened.message.create_user_account.name == "olivia"
    assert (paused.account, paused.sudo) == (90, True)


def test_when_the_exchange_does_not_run_the_form_says_so(operator: Client, exchange: FakeGateway) -> None:
    exchange.refusal = busy("The exchange is not running.")
    response = operator.post(f"{MARKET}/pause/", {"key": "k"})
    assert errors(response) == {"__all__": ["The exchange is not running."]}


def test_a_share_that_has_ended_is_said_to_have(operator: Client, exchange: FakeGateway) -> None:
    Ownership.objects.filter(pk=1).delete()
    response = operator.post(f"{SHARE}/revoke/", {"key": "k"})
    assert said(response) == ["This share has ended."]
    assert (response["Location"], exchange.asked) == ("/admin/accounts/ownership/", [])


class TestForms:
    @pytest.mark.parametrize(
        ("field", "typed", "words"),
        [
            ("min_settlement", "ten", "Enter a number, like 1000.5."),
            ("min_settlement", "1.001", "Enter at most 2 decimals."),
            ("min_settlement", "1e3", "Enter a number, like 1000.5."),
            ("max_settlement", "1,500", "Write 1500 or 1.5: “1,500” can mean both."),
            ("max_settlement", "9" * 20, "This number is too large."),
            ("tick_size", "0", "Enter at least 0.01."),
            ("smallest_size", "-1", "Enter at least 0.01."),
            ("name", "", "This field is required."),
        ],
    )
    def test_figures_are_read_exactly_or_refused(
        self, field: str, typed: str, words: str, operator: Client, exchange: FakeGateway
    ) -> None:
        response = operator.post(CREATE, {**NEW_MARKET, field: typed, "key": "k"})
        assert errors(response) == {field: [words]}
        assert exchange.asked == []

    @pytest.mark.parametrize("amount", ["", "0.00001", "NaN", "١٢"])
    def test_a_gift_needs_an_amount(self, amount: str, operator: Client, exchange: FakeGateway) -> None:
        assert list(errors(operator.post(GIFT, {"amount": amount, "key": "k"}))) == ["amount"]
        assert exchange.asked == []

    def test_an_edit_sends_only_what_was_changed(self, operator: Client, world: Class, exchange: FakeGateway) -> None:
        """Compares with the form's initial values, not with the row, so that another operator's edit stays."""
        Market.objects.filter(pk=7).update(name="Renamed meanwhile")
        form = {"initial-name": "Rain", "initial-description": "a\r\nb", "description": "a\r\nb", "key": "k"}
        operator.post(f"{MARKET}/edit/", {**form, "name": "Rainfall"})
        edit = exchange.last.message.edit_market
        assert (edit.name, edit.HasField("description")) == ("Rainfall", False)

    def test_an_edit_can_empty_the_description(self, operator: Client, exchange: FakeGateway) -> None:
        form = {"name": "Rain", "initial-name": "Rain", "initial-description": "Old", "description": "", "key": "k"}
        operator.post(f"{MARKET}/edit/", form)
        assert exchange.last.message.edit_market.HasField("description")

    def test_an_edit_that_changes_nothing_is_not_sent(self, operator: Client, exchange: FakeGateway) -> None:
        form = {"name": "Rain", "initial-name": "Rain", "description": "", "initial-description": "", "key": "k"}
        assert errors(operator.post(f"{MARKET}/edit/", form)) == {"__all__": ["You did not change anything."]}
        assert exchange.asked == []

    def test_the_edit_form_begins_with_the_market(self, operator: Client, world: Class) -> None:
        page = operator.get(f"{MARKET}/edit/").content.decode()
        assert 'name="initial-name" value="Rain"' in page
        assert 'name="name" value="Rain"' in page


class TestVisibility:
    """How and to whom a market is shown, which only operators set."""

    EDIT = f"{MARKET}/edit/"
    BEGUN: ClassVar = {"name": "Rain", "initial-name": "Rain", "key": "k"}

    def test_a_new_market_is_shown_to_accounts_by_name_or_id(self, operator: Client, exchange: FakeGateway) -> None:
        shown = {"category": "Exam", "pinned": "on", "hide_account_ids": "on", "visible_to": " bob\r\n2, TEAM\r\n2"}
        operator.post(CREATE, {**NEW_MARKET, **shown, "key": "k"})
        made = exchange.last.message.create_market
        assert (made.category, made.pinned, made.hide_account_ids) == ("Exam", True, True)
        assert list(made.visible_to.ids) == [2, 3, 4]

    @pytest.mark.parametrize("typed", ["Mallory", "99", "1", "House", "0", "9" * 40, "bob, Mallory"])
    def test_an_account_that_is_not_there_is_named(self, typed: str, operator: Client, exchange: FakeGateway) -> None:
        response = operator.post(self.EDIT, {**self.BEGUN, "visible_to": typed})
        nobody = typed.removeprefix("bob, ")
        assert errors(response) == {"visible_to": [f"There is no account {nobody}."]}
        assert typed in response.content.decode()
        assert exchange.asked == []

    def test_a_line_is_first_a_whole_name(self, operator: Client, world: Class, exchange: FakeGateway) -> None:
        world.account(30, "Smith, John", AccountKind.ALT)
        operator.post(self.EDIT, {**self.BEGUN, "visible_to": "smith,  john\nAlice"})
        assert list(exchange.last.message.edit_market.visible_to.ids) == [2, 30]

    def test_the_form_begins_with_names_and_says_the_same_back(
        self, operator: Client, world: Class, exchange: FakeGateway
    ) -> None:
        number = world.account(31, "7", AccountKind.ALT)
        for account in (world.bob, world.alice, number):
            MarketVisibility.objects.create(market=world.rain, account=account)
        form = operator.get(self.EDIT).context["form"]
        assert form.initial["visible_to"] == "31\nAlice\nBob"
        listed = {"initial-visible_to": form.initial["visible_to"]}
        again = operator.post(self.EDIT, {**self.BEGUN, **listed, "visible_to": "bob, alice, 31"})
        assert errors(again) == {"__all__": ["You did not change anything."]}
        assert exchange.asked == []

    def test_an_emptied_list_is_sent_and_means_everybody(self, operator: Client, exchange: FakeGateway) -> None:
        operator.post(self.EDIT, {**self.BEGUN, "initial-visible_to": "Bob", "visible_to": ""})
        wanted = pb.EditMarket(market_id=7, visible_to=pb.AccountIds(), key="k")
        assert exchange.last.message.edit_market == wanted
        assert exchange.last.message.edit_market.HasField("visible_to")

    def test_a_switch_turned_off_is_sent_and_one_left_alone_is_not(
        self, operator: Client, exchange: FakeGateway
    ) -> None:
        begun = {"initial-pinned": "True", "initial-hide_account_ids": "True", "hide_account_ids": "on"}
        operator.post(self.EDIT, {**self.BEGUN, **begun, "initial-category": "Exam", "category": ""})
        assert exchange.last.message.edit_market == pb.EditMarket(market_id=7, pinned=False, category="", key="k")


class TestButtons:
    @pytest.mark.parametrize(
        ("status", "slugs"),
        [
            (MarketStatus.OPEN, ["pause", "cancel-only", "edit", "close", "settle"]),
            (MarketStatus.CANCEL_ONLY, ["resume", "pause", "edit", "close", "settle"]),
            (MarketStatus.PAUSED, ["resume", "cancel-only", "edit", "close", "settle"]),
            (MarketStatus.CLOSED, ["edit", "settle"]),
            (MarketStatus.SETTLED, ["edit"]),
        ],
    )
    def test_a_market_offers_what_its_status_allows(
        self, status: MarketStatus, slugs: list[str], operator: Client, world: Class
    ) -> None:
        Market.objects.filter(pk=7).update(status=status)
        buttons = operator.get(f"{MARKET}/change/").context["buttons"]
        assert [button.url for button in buttons] == [f"{MARKET}/{slug}/" for slug in slugs]

    def test_nothing_is_given_to_the_house(self, operator: Client, world: Class) -> None:
        assert operator.get("/admin/accounts/account/1/change/").context["buttons"] == []
        assert world.house.kind == AccountKind.HOUSE

    def test_a_gift_says_who_gets_it_and_what_they_have(self, operator: Client, world: Class) -> None:
        assert "Bob, who has 1,000 chips now" in operator.get(GIFT).content.decode()
        assert world.bob.cash == 1_000 * CHIP


def test_the_journal_gets_the_reason(operator: Client, exchange: FakeGateway) -> None:
    operator.post(GIFT, {"amount": "5", "key": "k", "reason": " For the winner. "})
    assert exchange.reasons == ["For the winner."]
    assert "reason" in errors(operator.post(GIFT, {"amount": "5", "key": "k", "reason": " "}))
