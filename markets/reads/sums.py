"""Sums that do not end at 64 bits."""

from typing import Any

from django.db.models import QuerySet, Sum
from django.db.models.expressions import Combinable

HALF = 10**8  # parts a figure of 64 bits into two that can be summed over 10^10 rows


def exact_sum(rows: QuerySet[Any], figure: Combinable) -> int:
    """The sum of a whole-numbered column or expression; 0 without rows.

    What an account has paid and received grows with every trade, though its balance does not. SQLite's SUM fails where
    a sum on the way passes 64 bits, so the database sums quotients and remainders. (Both databases round towards zero.)
    """
    parts = rows.aggregate(quotients=Sum(figure / HALF), remainders=Sum(figure % HALF))
    return int(parts["quotients"] or 0) * HALF + int(parts["remainders"] or 0)
