"""The transport between clients and the matcher: sockets, groups, and the way into the matching queue.

Read what comes in first: server.py (daphne), routing.py, consumers.py (one socket), frames.py (its bytes), gateway.py
(the queue; pages and REST enter here). Then what goes out: hub.py, subscriptions.py, streams.py (gaps), sockets.py,
outbox.py (pace), membership.py (groups and resyncs), layers.py (the channel layer of a single process),
redis_layer.py (that of several).
A layer message goes into messages.py, a channel, group or stream into groups.py, a size or time-out into limits.py, a
token's scope into rights.py, a close code into errors.py. (Beside: bodies.py limits HTTP bodies; addresses.py.)
The transport never knows a rule of the exchange, has no models, reads no tables, and imports only the package proto.
"""
