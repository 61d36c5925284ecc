"""The REST API of markets and orders, built on accounts/rest.

A view checks the request, then either queries the tables or sends a message of exchange.proto to the matcher.
Read in this order: urls.py (every address), markets.py and orders.py (views), serializers.py (their bodies, queries and
answers), reads.py (rows as messages, and books), histories.py (a market's whole past), events.py with
event_serializers.py (the journal's events of a market).
To add an operation, follow "Adding a command" or "Adding a REST read" in docs/architecture.md. This package never
writes a row, never imports matching/, and never shows a market without asking reads/visibility.py.
"""
