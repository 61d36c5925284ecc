"""A bucket reports exactly the tokens that may still be charged."""

import pytest

from markets.engine.errors import Reason, Rejected
from markets.wire.rates import Buckets, Left, Limits
from realtime.limits import RateClass

LIMITS: Limits = {
    "read": {"user": (50, 500), "sudo": (500, 5_000)},
    "expensive": {"user": (3, 180), "sudo": (30, 1_800)},
}


@pytest.mark.parametrize("rate_class", ["read", "expensive"])
@pytest.mark.parametrize("sudo", [False, True])
def test_what_is_left_can_be_charged_and_no_more(rate_class: RateClass, sudo: bool) -> None:
    buckets = Buckets(LIMITS)
    burst = LIMITS[rate_class]["sudo" if sudo else "user"][1]
    assert buckets.left(1, rate_class, sudo, 10) == Left(burst, burst, 0)
    for charged in range(1, burst + 1):
        buckets.charge(1, rate_class, sudo, 10)
        assert buckets.left(1, rate_class, sudo, 10).remaining == burst - charged
    with pytest.raises(Rejected) as refused:
        buckets.charge(1, rate_class, sudo, 10)
    assert refused.value.reason == Reason.RATE_LIMITED
    assert buckets.left(2, rate_class, sudo, 10).remaining == burst, "somebody else's is full"


def test_it_fills_again() -> None:
    buckets = Buckets(LIMITS)
    buckets.charge(1, "read", False, 0, cost=500)
    assert buckets.left(1, "read", False, 0) == Left(500, 0, 10_000)
    assert buckets.left(1, "read", False, 5_000_000) == Left(500, 250, 5_000)
    assert buckets.left(1, "read", False, 20_000_000) == Left(500, 500, 0)


def test_rates_beyond_a_token_a_microsecond_are_that() -> None:
    buckets = Buckets({"cancel": {"user": (2_000_000, 20_000_000), "sudo": (1, 1)}})
    buckets.charge(1, "cancel", False, 0)
    assert buckets.left(1, "cancel", False, 0).limit == 20_000_000
