"""The access changes that hubs get when people may act as other accounts than before."""

from markets.engine import commands as c
from markets.engine.engine import Engine
from markets.matching.entitlements import Entitlements
from markets.matching.streams import Streams
from markets.wire.audience import Publication
from realtime.messages import control_message

ALICE, BOB, CAROL, OPERATOR = 1, 2, 3, 4


class Class:
    """Alice owns Team, which owns Cellar. Cellar sees Exam, Carol sees Quiz, everybody sees Fair."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.do(c.CreateHouse(0, 0, True, ""))
        for user in (ALICE, BOB, CAROL, OPERATOR):
            self.do(c.CreateUserAccount(user, 0, False, "", f"Person {user}", 0))
        self.own = self.engine.people
        self.team = self.account("Team", self.own[ALICE])
        self.cellar = self.account("Cellar", self.team)
        self.exam, self.quiz, _ = [
            self.market("Exam", (self.cellar,)),
            self.market("Quiz", (self.own[CAROL],)),
            self.market("Fair", ()),
        ]
        self.entitlements = Entitlements(Streams(self.engine, journal=None))  # type: ignore[arg-type]
        self.engine.take_changed()

    def do(self, command: c.Command) -> None:
        self.engine.apply(command, 1)

    def account(self, name: str, owner: int) -> int:
        self.do(c.CreateAccount(ALICE, self.own[ALICE], False, "", name, owner))
        return max(self.engine.accounts)

    def market(self, name: str, visible_to: tuple[int, ...]) -> int:
        head = (OPERATOR, self.own[OPERATOR], True, "")
        self.do(c.CreateMarket(*head, name, "", 0, 100, 1, 1, visible_to=visible_to))
        return max(self.engine.markets)

    def changes_after(self, *commands: c.Command) -> tuple[dict[int, list[str]], dict[str, list[int]]]:
        """The changes for hubs: user -> their accounts' streams, and a market's stream -> users who may follow it."""
        for command in commands:
            self.do(command)
        message = self.entitlements.changes(self.engine.take_changed()) or control_message()
        return (
            {reach["user"]: reach["streams"] for reach in message["reaches"]},
            {change["book"]: sorted(change["users"] or ()) for change in message["visibilities"]},
        )


def test_a_share_shows_the_markets_of_what_is_shared_and_no_others() -> None:
    day = Class()
    reaches, visibilities = day.changes_after(c.ShareAccount(ALICE, day.own[ALICE], False, "", day.team, day.own[BOB]))
    assert reaches == {BOB: [f"account.{id}" for id in (day.own[BOB], day.team, day.cellar)]}
    assert visibilities == {f"market.{day.exam}": [ALICE, BOB]}


def test_its_end_hides_them() -> None:
    day = Class()
    day.changes_after(c.ShareAccount(ALICE, day.own[ALICE], False, "", day.team, day.own[BOB]))
    reaches, visibilities = day.changes_after(c.LeaveAccount(BOB, day.own[BOB], False, "", day.team))
    assert reaches == {BOB: [f"account.{day.own[BOB]}"]}
    assert visibilities == {f"market.{day.exam}": [ALICE]}


def test_a_share_that_comes_and_goes_in_one_batch_counts_as_it_ended() -> None:
    day = Class()
    share = c.ShareAccount(ALICE, day.own[ALICE], False, "", day.team, day.own[BOB])
    assert day.changes_after(share, c.LeaveAccount(BOB, day.own[BOB], False, "", day.team)) == (
        {BOB: [f"account.{day.own[BOB]}"]},
        {f"market.{day.exam}": [ALICE]},
    )


def test_money_that_moves_shows_nothing() -> None:
    day = Class()
    day.do(c.Gift(OPERATOR, day.own[OPERATOR], True, "", day.own[ALICE], 10, ""))
    day.engine.take_changed()
    assert day.changes_after(c.MakeTransfer(ALICE, day.own[ALICE], False, "", day.own[ALICE], day.team, 10, "")) == (
        {},
        {},
    )


async def test_a_share_weighs_little() -> None:
    """Its entitlements have no snapshots, in beats neither. Otherwise one share could have a hundred of them made."""
    day = Class()
    events = day.engine.apply(c.ShareAccount(ALICE, day.own[ALICE], False, "", day.team, day.own[BOB]), 1)
    publication = Publication(day.engine)
    publication.add(day.engine.seq, events)
    message = await day.entitlements.additions(publication)
    assert message is not None
    added = [(one["stream"], sorted(one["users"] or ()), one["frames"]) for one in message["entitlements"]]
    assert added == [(f"account.{id}", [ALICE, BOB], []) for id in (day.team, day.cellar)]
    assert day.entitlements.recent()["entitlements"] == message["entitlements"]
