"""Every size, rate and time-out of the transport, and the length of every text that comes in by any door.

Each is named with its unit. What a person may have is in settings.py.
"""

from typing import Literal

KIB = 1024
MIB = 1024 * KIB

# --- Frames from clients -------------------------------------------------------------------------

CLIENT_FRAME_BYTES_MAX = 64 * KIB  # above: refused with a code
CLIENT_FRAME_MESSAGES_MAX = 256
WEBSOCKET_MESSAGE_BYTES_MAX = 1 * MIB  # above: the server closes with 1009 and does not keep the bytes

# What one socket's reader may leave unread before the server stops reading the connection (half of it: reads again).
INPUT_MESSAGES_MAX = 64
INPUT_BYTES_MAX = 256 * KIB

# Frames that are refused here cost the matcher nothing; who sends nothing else is slowed down.
REFUSALS_MAX = 100  # in REFUSALS_SECONDS
REFUSALS_SECONDS = 10.0
REFUSALS_PAUSE_SECONDS = 1.0

# The buckets of a person's rates; RATES in settings.py says what each holds.
RateClass = Literal["expensive", "mutate", "cancel", "read"]

# --- Texts ---------------------------------------------------------------------------------------

# Of requests, and so of the tables that keep them. The engine imports nothing, so it has its own copy of those that it
# checks (markets/engine/text.py). tests/tidy/test_limits.py compares.
REQUEST_ID_CHARACTERS_MAX = 64
KEY_CHARACTERS_MAX = 36  # idempotency keys, client_order_id included
REASON_CHARACTERS_MAX = 200
ACCOUNT_NAME_CHARACTERS_MAX = 40
MARKET_NAME_CHARACTERS_MAX = 80
AUCTION_NAME_CHARACTERS_MAX = 80
CATEGORY_CHARACTERS_MAX = 40
DESCRIPTION_CHARACTERS_MAX = 4_000
NOTE_CHARACTERS_MAX = 200

# As they are written, with white space that is cut off later.
TYPED_NUMBER_CHARACTERS_MAX = 24
TYPED_ACCOUNT_CHARACTERS_MAX = 80  # an account, by its name
SENT_NAME_CHARACTERS_MAX = 200  # a name over REST

INT64_MAX = 2**63 - 1  # the largest id or amount: on the wire, and in the tables

# --- Requests over HTTP --------------------------------------------------------------------------

TOO_LONG_HEADER = "X-Body-Too-Long"  # of a request whose body was longer than what follows, and was not kept
PICTURE_MEGABYTES_MAX = 5
REQUEST_BODY_BYTES_MAX = 6 * MIB  # a picture and its form; above: not kept, and answered with 413
REQUEST_BODY_BYTES_READ = 256 * MIB  # of such a body, so that the answer can be read; then the connection is closed

# --- Frames to clients ---------------------------------------------------------------------------

SERVER_FRAME_BYTES_MAX = 256 * KIB
FRAMES_PER_SECOND_MAX = 60  # the fastest pace a client may ask for
WAITING_BYTES_MAX = 1 * MIB  # live bytes that wait for one socket; above: closed as a slow reader
TRANSPORT_BYTES_PAUSE = 64 * KIB  # buffered in a socket's transport; above: nothing more is written until it is empty
TRANSPORT_BYTES_MAX = 4 * MIB  # above: dropped
STALL_SECONDS_MAX = 30.0  # a transport that does not empty in that time belongs to a slow reader too

# --- The matching queue --------------------------------------------------------------------------

SOCKET_COMMANDS_MAX = 256  # of one socket in the queue; beyond, the socket is not read
PERSON_COMMANDS_MAX = 1_024  # of all sockets of a person in this process
BEAT_SECONDS_MAX = 3.0  # no sign of life from the matcher for that long: busy
BUSY_RETRY_MS = 1_000
ASK_SECONDS_MAX = 10.0  # a page waits that long for its answer
REPLY_SECONDS_MAX = 45.0  # a socket waits longer than the matcher for a locked database (30 s)

# --- The hub -------------------------------------------------------------------------------------

RECEIVE_MESSAGES_MAX = 64  # taken from the layer before the loop gets its turn
RESYNC_SECONDS = 1.0  # at most one resync per stream and that time
HELD_BYTES_MAX = 1 * MIB  # of one stream while its resync is awaited; what comes on top is a gap again
BEAT_COVERS_SECONDS = 10.0  # a beat repeats the rights that changed, and names the streams that spoke, in that time
UP_TO_DATE_SECONDS = 4.5  # told with the beat after that: every 5 s
MEMBERSHIP_RENEW_SECONDS = 600.0  # a membership dies silently after 24 hours
TICK_SECONDS = 1.0
LAYER_RETRY_SECONDS = 1.0
DRAIN_SECONDS_MAX = 2.0  # for what the layer still holds for the hub, at the end

# --- Sessions ------------------------------------------------------------------------------------

AUTHENTICATE_SECONDS_MAX = 10.0
FAILED_SIGN_INS_MAX = 10  # of one address in FAILED_SIGN_INS_SECONDS
FAILED_SIGN_INS_SECONDS = 60.0
REVOKED_SECONDS = 5.0  # how often sessions and tokens of open sockets are looked up

# --- The server ----------------------------------------------------------------------------------

PING_SECONDS = 20
PONG_SECONDS_MAX = 30
HANDSHAKE_SECONDS_MAX = 5
CLOSE_HANDSHAKE_SECONDS_MAX = 5  # a reader that lags behind still finds the reason
SOCKET_SECONDS_MAX = 12 * 3600  # layers forget a membership after 24 hours
READY_SECONDS_MAX = 10.0  # for the matcher's first beat; then it listens all the same, and answers BUSY
STOP_DRAIN_SECONDS_MAX = 40.0  # for the batch at hand, which waits up to 30 s for a locked database
STOP_SOCKETS_SECONDS_MAX = 2.0  # for clients to answer our close
