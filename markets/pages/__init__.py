"""The HTML pages of markets: views and their forms. The addresses are in markets/urls.py, templates in templates/.

To read: markets (list, market, portfolio, orders), own_markets (open, describe, settle), forms, cash (statement and
transfers) and statement_text (the statement's text and CSV).
Pages read through markets/reads and send commands with accounts.acting. They never write a row that the engine owns,
and never import matching/ or audit/.
"""
