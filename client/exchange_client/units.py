"""Converts chips, as people write them, to the exchange's whole numbers and back, exactly and without floats.

On the wire a price is in 1/100 chip, a size in 1/100, an amount (cash, value, cost) in 1/10,000 chip. A plain int is a
TypeError here, because 48 could mean 48 chips or 0.48; Request.of takes messages in the wire's own units.
"""

from decimal import Decimal, InvalidOperation

Chips = Decimal | str

PRICE_DIGITS = 2
SIZE_DIGITS = 2
AMOUNT_DIGITS = 4
MAGNITUDE_MAX = 18  # powers of ten; a larger number fits no int64


def price_units(price: Chips) -> int:
    """ "48.25" -> 4825. Raises TypeError for floats and ints, ValueError for more than two decimals."""
    return _units(price, PRICE_DIGITS)


def size_units(size: Chips) -> int:
    """ "10" -> 1000. Errors as price_units."""
    return _units(size, SIZE_DIGITS)


def amount_units(amount: Chips) -> int:
    """ "0.5" -> 5000. Errors as price_units, but four decimals are allowed."""
    return _units(amount, AMOUNT_DIGITS)


def price_decimal(units: int) -> Decimal:
    """4825 -> Decimal("48.25")."""
    return _decimal(units, PRICE_DIGITS)


def size_decimal(units: int) -> Decimal:
    """1000 -> Decimal("10.00")."""
    return _decimal(units, SIZE_DIGITS)


def amount_decimal(units: int) -> Decimal:
    """5000 -> Decimal("0.5000")."""
    return _decimal(units, AMOUNT_DIGITS)


def _units(value: Chips, digits: int) -> int:
    if not isinstance(value, Decimal | str):
        raise TypeError(f"{value!r} is {type(value).__name__}: write it as Decimal or str")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a number: write a decimal point and no grouping, like '1000.5'") from None
    if number.is_zero():
        return 0
    if not number.is_finite() or number.adjusted() > MAGNITUDE_MAX:
        raise ValueError(f"{value!r} is too large")
    if number.adjusted() < -digits:
        raise ValueError(f"{value!r} has more than {digits} decimals")
    # Decimal's own scaling rounds to the context's precision; fractions do not.
    numerator, denominator = number.as_integer_ratio()
    scale: int = 10**digits
    units, rest = divmod(numerator * scale, denominator)
    if rest:
        raise ValueError(f"{value!r} has more than {digits} decimals")
    return units


def _decimal(units: int, digits: int) -> Decimal:
    sign, text = ("-" if units < 0 else ""), str(abs(units)).rjust(digits + 1, "0")
    return Decimal(f"{sign}{text[:-digits]}.{text[-digits:]}")
