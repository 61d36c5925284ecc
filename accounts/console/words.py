"""How the console formats times and people."""

from accounts import money
from accounts.models import User


def when(us: int) -> str:
    """UTC microseconds as day and time: "2026-11-21 14:03:22"."""
    return f"{money.moment(us)[:10]} {money.clock(us)}"


def person(user_id: int) -> str:
    """The name and id of a user. It reads the database: use it on the page of one row, not in a table."""
    if user_id == 0:
        return "the exchange"
    name = User.objects.filter(pk=user_id).values_list("username", flat=True).first()
    return f"{name or 'unknown'} (user {user_id})"
