"""Example bots, which are also the house bots of the demo: market_maker, noise_trader, momentum_trader, house.

A bot is a strategy (bots/trader.py: Bot): a function from a market and a portfolio to a list of requests, which never
waits. The trader around it holds the connection, goes from market to market, sends the requests and handles refusals.
"""
