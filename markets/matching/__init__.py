"""The one loop that applies commands, and what it talks to sockets about."""
