"""Example bots, which are also the house bots of the demo: market_maker, noise_trader, momentum_trader, house.

A bot is a strategy (bots/trader.py: Bot): a function from what it sees to what it wants, without any waiting. The
trader around it holds the connection, takes the markets in turn, sends and deals with refusals.
"""
