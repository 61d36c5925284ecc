"""The base of every REST view: who asks, what a request costs, how bodies and answers are read and written.

To add an operation, derive a view from ExchangeView (views.py), next to the other views of its package.
Read in this order: views.py (the base), authentication.py and callers.py (who asks, as which account), bodies.py
(JSON), fields.py (fields of bodies, queries and answers), pages.py (lists), errors.py (refusals), rates.py (rate
limits) and schema.py (the OpenAPI description).
It never writes a row that the engine owns, and it knows no market, order or auction.
"""
