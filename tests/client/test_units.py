"""Conversion of chips to whole numbers is exact."""

from decimal import Decimal
from typing import Any

import pytest
from exchange_client import (
    amount_decimal,
    amount_units,
    price_decimal,
    price_units,
    size_decimal,
    size_units,
)
from exchange_client import exchange_pb2 as pb
from exchange_client.requests import create_order
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "units"), [("48.25", 4825), ("-3", -300), ("0", 0), ("0.10", 10), ("1e2", 10_000), ("0e-99", 0)]
)
def test_prices_and_sizes_are_hundredths(text: str, units: int) -> None:
    assert price_units(text) == size_units(text) == price_units(Decimal(text)) == units


def test_amounts_are_ten_thousandths() -> None:
    assert amount_units("0.0001") == 1
    assert amount_units("1000000000000.0001") == 10_000_000_000_000_001


@pytest.mark.parametrize("value", [48.25, 48, True, None, b"48"])
def test_an_inexact_or_ambiguous_value_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError, match="Decimal or str"):
        price_units(value)


@pytest.mark.parametrize(
    "text", ["48.255", "0.001", "1e-400000000", "NaN", "Infinity", "1e30", "1e400000000", "chips", ""]
)
def test_a_price_that_two_decimals_cannot_hold_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"decimals|too large|not a number"):
        price_units(text)


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_int64_is_converted_and_back(units: int) -> None:
    assert price_units(price_decimal(units)) == units
    assert size_units(str(size_decimal(units))) == units
    assert amount_units(amount_decimal(units)) == units


def test_decimals_show_all_their_digits() -> None:
    assert str(price_decimal(-5)) == "-0.05"
    assert str(size_decimal(1000)) == "10.00"
    assert str(amount_decimal(5000)) == "0.5000"


@pytest.mark.parametrize("text", ["4,5", "1,500", "1 000", "4.5 chips"])
def test_a_comma_or_grouping_is_refused_with_the_form_to_write(text: str) -> None:
    with pytest.raises(ValueError, match=f"'{text}' is not a number: write a decimal point and no grouping"):
        create_order(1, pb.BID, price=text, size="1")
