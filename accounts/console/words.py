"""How the console writes times and people."""

from accounts import money
from accounts.models import User


def when(us: int) -> str:
    """Day and time in UTC, to the second: "2026-11-21 14:03:22"."""
    return f"{money.moment(us)[:10]} {money.clock(us)}"


def person(user_id: int) -> str:
    """For a row's own page: it asks the database."""
    if user_id == 0:
        return "the exchange"
    name = User.objects.filter(pk=user_id).values_list("username", flat=True).first()
    return f"{name or 'unknown'} (user {user_id})"
