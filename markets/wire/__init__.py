"""The wire: translates between protobuf and the engine, and decides who receives what and what a request costs.

Read in this order:
- requests.py: one row for each kind of request (rate class, scope, decoder). A new command begins here.
- scopes.py: what a token allows. rates.py: token buckets.
- decoding.py: from a ClientMessage to a command. codec.py: from the engine to messages and replies.
- audience.py: which streams carry an event. A new event needs a case here.
- snapshots.py: the pieces of a snapshot. frames.py: from messages to bytes.

Nothing here changes the engine, reads the database or a clock, or sends anything.
"""
