"""What pages, REST and the operator console read from the tables about markets.

Read in this order: visibility.py (who sees which market), selectors.py (books, orders, trades, holdings), statement.py
(an account's statement), payment_limits.py (how much an account may pay, and to whom), settlement_preview.py (what a
settlement would do), sums.py (sums past 64 bits).
Put a query here if more than one of pages/, rest/ and console/ needs it. This package never writes, never asks the
matcher, and never formats text.
"""
