"""What a person may ask, by class (rules, section 9)."""

import pytest
from django.conf import settings

from markets.engine.errors import Reason, Rejected
from markets.rates import CLASSES, Buckets
from proto import exchange_pb2 as pb

MEMBERS = [member.name for member in pb.ClientMessage.DESCRIPTOR.oneofs_by_name["message"].fields]


def test_every_class_is_that_of_a_request() -> None:
    assert set(CLASSES) <= set(MEMBERS)


def test_every_change_of_an_auction_is_expensive() -> None:
    changes = [name for name in MEMBERS if name.endswith("_auction")]
    assert len(changes) == 5
    assert {CLASSES[name] for name in changes} == {"expensive"}


def test_auctions_and_new_markets_share_a_bucket() -> None:
    """180 at once, then three a second."""
    buckets = Buckets(settings.RATES)
    for name in ["create_market", "buy_auction"] * 90:
        buckets.charge(1, CLASSES[name], False, 1_000_000)
    with pytest.raises(Rejected) as refused:
        buckets.charge(1, CLASSES["edit_auction"], False, 1_000_000)
    assert refused.value.reason == Reason.RATE_LIMITED
    assert 0 < refused.value.retry_after_ms <= 334
    buckets.charge(1, "mutate", False, 1_000_000)
    buckets.charge(2, CLASSES["edit_auction"], False, 1_000_000)
