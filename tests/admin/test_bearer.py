"""What a bearer credential allows, and when it stops working."""

from collections.abc import Hashable
from datetime import timedelta

from django.contrib.auth.models import Permission
from django.utils import timezone

from accounts.authentication import _revoked, by_bearer
from accounts.models import Ownership, User
from accounts.tokens import create_token, revoke_token
from realtime.rights import EVERYTHING, Rights, Scope
from realtime.sockets import Principal
from tests.admin.conftest import Class


def let_in(user: User, **how: object) -> Principal:
    found = by_bearer(create_token(user, "t", **how)[1])  # type: ignore[arg-type]
    assert found is not None
    assert (found.user, found.principal.user, found.principal.name) == (user, user.pk, user.username)
    return found.principal


class TestRights:
    def test_are_those_of_the_token(self, world: Class) -> None:
        assert let_in(world.alice_user, scopes=int(Scope.TRADE)).rights == Rights(False, Scope.READ | Scope.TRADE)
        assert let_in(world.alice_user, account=world.bot).rights.bound == world.bot.id

    def test_an_operators_take_the_person_and_the_scope(self, world: Class) -> None:
        olivia = world.operator_user
        assert let_in(olivia, scopes=EVERYTHING).rights == Rights(True, EVERYTHING)
        assert not let_in(olivia).rights.operator
        for user in (world.alice_user, world.staff_user):
            assert not let_in(user, scopes=EVERYTHING).rights.operator


class TestLookingUp:
    def test_all_is_well(self, world: Class) -> None:
        good: set[Hashable] = {
            let_in(world.alice_user).credential,
            let_in(world.alice_user, account=world.bot).credential,
            let_in(world.alice_user, account=world.alice).credential,
            let_in(world.operator_user, scopes=EVERYTHING).credential,
        }
        assert _revoked(good) == set()

    def test_what_was_revoked_has_expired_or_lost_its_account(self, world: Class) -> None:
        gone, secret = create_token(world.alice_user, "gone")
        found = by_bearer(secret)
        assert found is not None
        soon = let_in(world.alice_user, expires_at=timezone.now() + timedelta(hours=1)).credential
        bound = let_in(world.alice_user, account=world.bot).credential
        unbound = let_in(world.alice_user).credential
        every = {found.principal.credential, soon, bound, unbound}
        assert _revoked(every) == set()
        revoke_token(gone)
        world.alice_user.api_tokens.filter(expires_at__isnull=False).update(expires_at=timezone.now())
        Ownership.objects.filter(account=world.bot).delete()
        assert _revoked(every) == every - {unbound}

    def test_who_is_no_operator_any_more(self, world: Class) -> None:
        olivia = world.operator_user
        sudo, plain = let_in(olivia, scopes=EVERYTHING).credential, let_in(olivia).credential
        olivia.user_permissions.remove(Permission.objects.get(codename="operate_exchange"))
        assert _revoked({sudo, plain}) == {sudo}
