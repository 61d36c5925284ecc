"""Shared accounts: share, leave, revoke, redistribute, and what each owner may take out (rules, sections 1 and 2)."""

import pytest

from markets.engine.errors import Reason
from tests.scenario import Scenario


@pytest.fixture
def team(day: Scenario) -> Scenario:
    """Alice made Team and gave Bob a share."""
    day.alt("alice", "Team")
    assert day.share("alice", "Team", "bob") == ["bob owns Team too"]
    return day


def earn(day: Scenario, who: str, chips: int) -> None:
    """Bought from Carol @ 10, sold to her @ 30."""
    size = chips // 20
    day.sell("carol", "GOLD", 10, size)
    day.buy(who, "GOLD", 10, size)
    day.buy("carol", "GOLD", 30, size)
    day.sell(who, "GOLD", 30, size)


class TestCredits:
    def test_example_2_5_what_the_account_made_is_shared_pro_rata(self, team: Scenario) -> None:
        team.pay("alice", "Team", 300)
        team.pay("bob", "Team", 100)
        earn(team, "Team", 200)
        assert team.cash("Team") == "600"
        with team.refuses(Reason.INSUFFICIENT_CREDIT):
            team.pay("Team", "bob", "150.0001")
        assert team.pay("Team", "bob", 150) == [
            "credit in Team: alice 450, bob 150",
            "credit in Team: alice 450, bob 0",
            "Team pays bob 150 (WITHDRAWAL)",
        ]
        assert team.credits("Team") == {"alice": "450", "bob": "0"}

    def test_example_2_6_nobody_put_anything_in(self, team: Scenario) -> None:
        team.share("alice", "Team", "carol")
        team.gift("Team", 100)
        assert team.share("bob", "Team", "operator") == [
            "credit in Team: alice 33.3334, bob 33.3333, carol 33.3333",
            "operator owns Team too",
        ]

    @pytest.fixture
    def parked(self, team: Scenario) -> Scenario:
        """200 of each, all of it two accounts further down."""
        team.pay("alice", "Team", 200)
        team.pay("bob", "Team", 200)
        team.alt("Team", "Cellar")
        team.alt("Cellar", "Deep")
        team.pay("Team", "Cellar", 400)
        team.pay("Cellar", "Deep", 400)
        return team

    def test_example_2_7_money_parked_below(self, parked: Scenario) -> None:
        parked.pay("alice", "Team", 1)
        assert parked.credits("Team") == {"alice": "201", "bob": "200"}

    def test_what_was_earned_below_is_shared_first(self, parked: Scenario) -> None:
        team = parked
        team.gift("Deep", 40)
        assert team.pay("alice", "Team", 1) == [
            "credit in Deep: Cellar 440",
            "credit in Cellar: Team 440",
            "credit in Team: alice 220, bob 220",
            "credit in Team: alice 221, bob 220",
            "alice pays Team 1 (DEPOSIT)",
        ]

    def test_only_who_puts_in_is_credited(self, team: Scenario) -> None:
        team.pay("bob", "Team", 100)
        assert team.credits("Team") == {"alice": "0", "bob": "100"}
        with team.refuses(Reason.INSUFFICIENT_CREDIT):
            team.pay("Team", "alice", 1)

    def test_nothing_moves_while_a_shared_account_is_not_flat(self, team: Scenario) -> None:
        team.pay("alice", "Team", 100)
        team.buy("Team", "GOLD", 10)
        for payer, payee in (("alice", "Team"), ("Team", "alice")):
            with team.refuses(Reason.SHARED_ACCOUNT_NOT_FLAT):
                team.pay(payer, payee, 1)
        team.out("Team")
        team.pay("Team", "alice", 1)

    def test_an_order_below_it_counts_too(self, team: Scenario) -> None:
        team.pay("alice", "Team", 100)
        team.alt("Team", "Cellar")
        team.pay("Team", "Cellar", 50)
        team.buy("Cellar", "GOLD", 10)
        with team.refuses(Reason.SHARED_ACCOUNT_NOT_FLAT):
            team.pay("alice", "Team", 1)

    def test_a_loss_is_shared_too(self, team: Scenario) -> None:
        team.pay("alice", "Team", 300)
        team.pay("bob", "Team", 100)
        team.sell("carol", "GOLD", 20, 10)
        team.buy("Team", "GOLD", 20, 10)
        team.settle("GOLD", 0)
        team.pay("alice", "Team", 1)
        assert team.credits("Team") == {"alice": "151", "bob": "50"}


class TestShare:
    def test_the_new_owner_acts_as_it_and_all_below(self, team: Scenario) -> None:
        team.alt("Team", "Cellar")
        bob = team.users["bob"]
        assert {team.ids["Team"], team.ids["Cellar"]} <= team.engine.reach(bob)
        team.pay("bob", "Team", 100)
        assert team.buy("Team", "GOLD", 10, by="bob") == ["Team bids 1 @ 10: 0 filled, 1 open"]

    def test_an_account_reached_two_ways_stays_when_one_ends(self, team: Scenario) -> None:
        team.alt("alice", "Desk")
        team.alt("Team", "Cellar")
        team.share("alice", "Desk", "bob")
        team.leave("bob", "Desk")
        bob = team.engine.reach(team.users["bob"])
        assert team.ids["Desk"] not in bob
        assert {team.ids["Team"], team.ids["Cellar"]} <= bob

    def test_who_gives_must_be_a_person(self, team: Scenario) -> None:
        team.alt("Team", "Cellar")
        with team.refuses(Reason.NOT_ALLOWED):
            team.share("Team", "Cellar", "carol")
        with team.refuses(Reason.NOT_ALLOWED):
            team.share("alice", "Cellar", "carol")

    def test_for_a_stranger_the_account_does_not_exist(self, team: Scenario) -> None:
        with team.refuses(Reason.ACCOUNT_NOT_FOUND):
            team.share("carol", "Team", "carol")
        with team.refuses(Reason.ACCOUNT_NOT_FOUND):
            team.share("alice", "bob", "carol")

    def test_who_receives_must_be_a_person_who_does_not_own_it(self, team: Scenario) -> None:
        team.alt("carol", "Shed")
        with team.refuses(Reason.NOT_A_USER):
            team.share("alice", "Team", "Shed")
        for owner in ("alice", "bob"):
            with team.refuses(Reason.ALREADY_OWNER):
                team.share("alice", "Team", owner)
        team.ids["nobody"] = 99
        with team.refuses(Reason.ACCOUNT_NOT_FOUND):
            team.share("alice", "Team", "nobody")

    def test_it_must_be_flat(self, team: Scenario) -> None:
        team.pay("alice", "Team", 100)
        team.buy("Team", "GOLD", 10)
        with team.refuses(Reason.SHARED_ACCOUNT_NOT_FLAT):
            team.share("alice", "Team", "carol")

    def test_the_same_key_shares_once(self, day: Scenario) -> None:
        day.alt("alice", "Team")
        day.share("alice", "Team", "bob", key="a")
        with day.repeats(day.engine.seq):
            day.share("alice", "Team", "bob", key="a")


class TestLeave:
    def test_example_1_4_who_has_no_credit_leaves(self, team: Scenario) -> None:
        team.alt("Team", "Cellar")
        assert team.engine.reach(team.users["bob"]) == {team.ids[name] for name in ("bob", "Team", "Cellar")}
        team.pay("alice", "Team", 100)
        assert team.leave("bob", "Team") == ["bob no longer owns Team"]
        assert team.credits("Team") == {"alice": "100"}
        assert team.engine.reach(team.users["bob"]) == {team.ids["bob"]}

    def test_what_is_left_counts_after_rebalancing(self, team: Scenario) -> None:
        team.gift("Team", 100)
        with team.refuses(Reason.CREDIT_REMAINS):
            team.leave("bob", "Team")
        team.redistribute("Team", "bob")
        team.leave("bob", "Team")

    def test_the_last_owner_stays(self, team: Scenario) -> None:
        team.leave("bob", "Team")
        with team.refuses(Reason.NOT_ALLOWED):
            team.leave("alice", "Team")

    def test_only_who_owns_it(self, team: Scenario) -> None:
        with team.refuses(Reason.ACCOUNT_NOT_FOUND):
            team.leave("carol", "Team")

    def test_it_must_be_flat(self, team: Scenario) -> None:
        team.pay("alice", "Team", 100)
        team.buy("Team", "GOLD", 10)
        with team.refuses(Reason.SHARED_ACCOUNT_NOT_FLAT):
            team.leave("bob", "Team")

    def test_who_left_may_come_back(self, team: Scenario) -> None:
        team.leave("bob", "Team")
        team.share("alice", "Team", "bob")
        assert team.credits("Team") == {"alice": "0", "bob": "0"}


class TestOperators:
    def test_revoke(self, team: Scenario) -> None:
        assert team.revoke("Team", "bob") == ["bob no longer owns Team"]
        with team.refuses(Reason.ACCOUNT_NOT_FOUND):
            team.revoke("Team", "bob")

    def test_revoke_takes_no_credit_away(self, team: Scenario) -> None:
        team.pay("bob", "Team", 100)
        with team.refuses(Reason.CREDIT_REMAINS):
            team.revoke("Team", "bob")

    def test_revoke_is_for_people(self, day: Scenario) -> None:
        day.alt("alice", "Team")
        day.alt("Team", "Cellar")
        with day.refuses(Reason.NOT_A_USER):
            day.revoke("Cellar", "Team")

    def test_example_2_8_redistribute_pro_rata(self, team: Scenario) -> None:
        team.share("alice", "Team", "carol")
        for who, chips in (("alice", 100), ("bob", 200), ("carol", 300)):
            team.pay(who, "Team", chips)
        assert team.redistribute("Team", "alice") == [
            "credit in Team: alice 0, bob 240, carol 360",
            "alice's credit in Team goes to the others",
        ]

    def test_redistribute_evenly_if_the_others_have_none(self, team: Scenario) -> None:
        team.share("alice", "Team", "carol")
        team.pay("alice", "Team", "0.0003")
        team.redistribute("Team", "alice")
        assert team.credits("Team") == {"alice": "0", "bob": "0.0002", "carol": "0.0001"}

    def test_redistribute_needs_somebody_else(self, day: Scenario) -> None:
        day.alt("alice", "Team")
        with day.refuses(Reason.NOT_ALLOWED):
            day.redistribute("Team", "alice")

    def test_they_need_sudo(self, team: Scenario) -> None:
        for ask in (team.revoke, team.redistribute):
            with team.refuses(Reason.SUDO_REQUIRED):
                ask("Team", "bob", by="alice")


class TestCollect:
    def test_the_house_owes_less(self, day: Scenario) -> None:
        owed = day.engine.accounts[1].cash
        assert day.collect("alice", 100) == ["alice pays House 100 (COLLECTION)"]
        assert (day.cash("alice"), day.engine.accounts[1].cash) == ("900", owed + 100 * 10_000)

    def test_at_most_what_is_available(self, day: Scenario) -> None:
        day.buy("alice", "GOLD", 50, 10)
        with day.refuses(Reason.INSUFFICIENT_FUNDS):
            day.collect("alice", "500.0001")
        day.collect("alice", 500)

    def test_it_touches_no_credit(self, day: Scenario) -> None:
        day.alt("alice", "Desk")
        day.pay("alice", "Desk", 100)
        day.collect("Desk", 40)
        assert (day.cash("Desk"), day.credit("Desk")) == ("60", "100")

    def test_it_needs_sudo(self, day: Scenario) -> None:
        with day.refuses(Reason.SUDO_REQUIRED):
            day.collect("alice", 1, by="bob")
