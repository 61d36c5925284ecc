"""How long tests wait for what must come. These limits are for hanging, not for slowness: no test waits for a time.

TEST_PATIENCE multiplies them, on a machine that is slower still.
"""

import os

PATIENCE = float(os.environ.get("TEST_PATIENCE", "1"))

CONNECT_SECONDS_MAX = int(10 * PATIENCE)  # a connection to a server of this machine
STEP_SECONDS_MAX = 120 * PATIENCE  # one event: a message, a reply, a line of a log, an answer over HTTP
PROCESS_SECONDS_MAX = 600 * PATIENCE  # a process that starts, stops or does a long work
