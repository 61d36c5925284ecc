"""Every size, rate and time-out of the transport, and the largest length of every text that a request may hold.

Each name ends with its unit. The limits of a person are in settings.py.
"""

from typing import Literal

KIB = 1024
MIB = 1024 * KIB

# --- Frames from clients -------------------------------------------------------------------------

CLIENT_FRAME_BYTES_MAX = 64 * KIB  # above: refused with a code
CLIENT_FRAME_MESSAGES_MAX = 256
WEBSOCKET_MESSAGE_BYTES_MAX = 1 * MIB  # above: the server closes with 1009 and does not keep the bytes

# While an application has left this much of its socket unread, the server does not read the connection. At half of it
# the server reads again.
INPUT_MESSAGES_MAX = 64
INPUT_BYTES_MAX = 256 * KIB

# Malformed messages cost the matcher nothing. A client that sends more than this is read slowly.
REFUSALS_MAX = 100  # in REFUSALS_SECONDS
REFUSALS_SECONDS = 10.0
REFUSALS_PAUSE_SECONDS = 1.0

# The buckets of a person's rates. RATES in settings.py sets how much each holds.
RateClass = Literal["expensive", "mutate", "cancel", "read"]

# --- Texts ---------------------------------------------------------------------------------------

# Limits of the texts in requests, and so of the columns that keep them. The engine imports nothing, so it has its own
# copy of those that it checks (markets/engine/text.py). tests/tidy/test_limits.py compares the two.
REQUEST_ID_CHARACTERS_MAX = 64
KEY_CHARACTERS_MAX = 36  # idempotency keys, client_order_id included
REASON_CHARACTERS_MAX = 200
ACCOUNT_NAME_CHARACTERS_MAX = 40
MARKET_NAME_CHARACTERS_MAX = 80
AUCTION_NAME_CHARACTERS_MAX = 80
CATEGORY_CHARACTERS_MAX = 40
DESCRIPTION_CHARACTERS_MAX = 4_000
NOTE_CHARACTERS_MAX = 200

# Limits of texts before white space is cut off.
TYPED_NUMBER_CHARACTERS_MAX = 24
TYPED_ACCOUNT_CHARACTERS_MAX = 80  # the name of an account
SENT_NAME_CHARACTERS_MAX = 200  # a name sent over REST

INT64_MAX = 2**63 - 1  # the largest id or amount, on the wire and in the tables

# --- Requests over HTTP --------------------------------------------------------------------------

TOO_LONG_HEADER = "X-Body-Too-Long"  # marks a request whose body was longer than REQUEST_BODY_BYTES_MAX
PICTURE_MEGABYTES_MAX = 5
REQUEST_BODY_BYTES_MAX = 6 * MIB  # enough for a picture and its form; above: not kept, and answered with 413
REQUEST_BODY_BYTES_READ = 256 * MIB  # read of a body that is not kept, so that the client reads the 413; above: aborted

# --- Frames to clients ---------------------------------------------------------------------------

SERVER_FRAME_BYTES_MAX = 256 * KIB
FRAMES_PER_SECOND_MAX = 60  # the fastest pace a client may ask for
WAITING_BYTES_MAX = 1 * MIB  # live bytes that wait for one socket; above: closed as a slow reader
TRANSPORT_BYTES_PAUSE = 64 * KIB  # buffered in a socket's transport; above: nothing more is written until it is empty
TRANSPORT_BYTES_MAX = 4 * MIB  # above: the connection is dropped
STALL_SECONDS_MAX = 30.0  # a transport that does not empty in that time: closed as a slow reader

# --- The matching queue --------------------------------------------------------------------------

SOCKET_COMMANDS_MAX = 256  # of one socket in the queue; at the limit the socket is not read
PERSON_COMMANDS_MAX = 1_024  # of all sockets of a person in this process
BEAT_SECONDS_MAX = 3.0  # no beat from the matcher for that long: requests are answered BUSY
BEAT_LATE_SECONDS = 1.5  # since the last beat: one was lost, and perhaps replies with it
BUSY_RETRY_MS = 1_000
ASK_SECONDS_MAX = 10.0  # how long a page waits for a reply
REPLY_SECONDS_MAX = 45.0  # how long a socket waits for one; the matcher waits up to 30 s for a locked database
REPLY_AFTER_OUTAGE_SECONDS_MAX = 5.0  # after a late beat; the matcher refuses what is older than that

# --- The hub -------------------------------------------------------------------------------------

RECEIVE_MESSAGES_MAX = 64  # read from the layer before the event loop runs other tasks
RESYNC_SECONDS = 1.0  # at most one resync of a stream in that time
HELD_BYTES_MAX = 1 * MIB  # held back of one stream during its resync; messages beyond are dropped, which is a new gap
BEAT_COVERS_SECONDS = 10.0  # a beat repeats the access changes, and names the streams that published, in that time
UP_TO_DATE_SECONDS = 4.5  # sent with the first beat after that, so every 5 s
MEMBERSHIP_RENEW_SECONDS = 600.0  # a membership expires silently after 24 hours
TICK_SECONDS = 1.0
LAYER_RETRY_SECONDS = 1.0
DRAIN_SECONDS_MAX = 2.0  # to pass on what the layer still holds for the hub, before it stops

# --- Sessions ------------------------------------------------------------------------------------

AUTHENTICATE_SECONDS_MAX = 10.0
REVOKED_SECONDS = 5.0  # how often sessions and tokens of open sockets are looked up

# --- The server ----------------------------------------------------------------------------------

DESCRIPTORS_MAX = 65_536  # open files and connections that the process asks the system for
DESCRIPTORS_RESERVED = 256  # of them for the database, Redis and files; at most half
BACKLOG_CONNECTIONS_MAX = 1_024  # that the kernel holds for us until we accept them
HEAD_SECONDS_MAX = 10.0  # from a new connection to the end of its first request's head
BODY_SECONDS_MAX = 60.0  # from there to the end of the body
KEEP_ALIVE_SECONDS_MAX = 75.0  # from an answer to the next head: the client also has to read the answer in that time
PING_SECONDS = 20
PONG_SECONDS_MAX = 30
HANDSHAKE_SECONDS_MAX = 5
CLOSE_HANDSHAKE_SECONDS_MAX = 5  # long enough for a slow reader to get to the close code
SOCKET_SECONDS_MAX = 12 * 3600  # layers forget a membership after 24 hours
READY_SECONDS_MAX = 10.0  # for the matcher's first beat; after that the server listens anyway, and answers BUSY
STOP_DRAIN_SECONDS_MAX = 40.0  # for the current batch, which waits up to 30 s for a locked database
STOP_SOCKETS_SECONDS_MAX = 2.0  # for clients to answer our close
