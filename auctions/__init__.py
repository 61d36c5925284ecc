"""The auction board: things for sale at a fixed price or by an operator's settlement, with pictures.

To read: models, selectors (queries), forms and views, api with serializers (REST), operations and admin (console).
pictures keeps the files; decoder cleans an upload in a process of its own. demo holds the demo's lots.
The rules of an auction are in the engine (markets/engine/auction.py).
Never write the table Auction: send a command. Never name markets in code: it is to the right of this package.
"""
