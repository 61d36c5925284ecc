"""What an account has paid and received grows without end: its sums pass 64 bits, its balances do not."""

from accounts.models import Transfer, TransferKind
from markets.models import Exposure, Payout, Side, Trade
from markets.reads.statement import lines

LARGEST = 10**18  # stands for a million of the largest transfers, trades or payouts
TIMES = 20  # 2 x 10^19 in all, past 64 bits
ME, OTHER = 2, 3


def test_a_balance_after_sums_past_64_bits(database: str) -> None:
    """Received by transfers, lost in trades and regained in payouts: each table alone comes to more than 64 bits."""
    Transfer.objects.bulk_create(
        Transfer(
            id=number,
            from_account_id=OTHER,
            to_account_id=ME,
            amount=LARGEST + 1,
            kind=TransferKind.PAYMENT,
            at_us=0,
            seq=number,
        )
        for number in range(1, TIMES + 1)
    )
    Trade.objects.bulk_create(
        Trade(
            id=number,
            market_id=1,
            price=-(10**9),
            size=2 * 10**9,
            buyer_id=OTHER,
            seller_id=ME,
            taker_side=Side.BID,
            maker_order=1,
            maker_open=0,
            taker_order=2,
            taker_open=0,
            at_us=0,
            seq=100 + number,
        )
        for number in range(1, TIMES + 1)
    )
    figures = ("position", "bid_size", "bid_value", "offer_size", "offer_value", "worst_case", "cost", "realised")
    Exposure.objects.create(account_id=ME, market_id=1, traded=True, **dict.fromkeys(figures, 0))
    Payout.objects.bulk_create(
        Payout(market_id=number, account_id=ME, position=1, price=1, amount=LARGEST - 7, seq=300 + number)
        for number in range(1, TIMES + 1)
    )
    at = {kind: lines(ME, (before, 0), 1)[0][0].balance for kind, before in (("in", 99), ("out", 299))}
    assert at == {"in": TIMES * (LARGEST + 1), "out": TIMES * (1 - LARGEST)}
