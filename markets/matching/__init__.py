"""The matcher: one loop applies commands, commits them, and sends replies and streams. It owns the only Engine.

Read in this order:
- matcher.py: inbox, batch, commit, answers. Matcher.step is one batch. batch.py: its parts. publisher.py: what is sent
  after a commit.
- streams.py: positions, snapshots and resuming. entitlements.py: which streams open sockets may follow.
- sessions.py: requests about the connection. history_requests.py: histories, read on a thread of their own.
  charges.py: charges without a command. A new kind of message in the queue is dispatched in Matcher.offer or step.
- quarantine.py: commands that ended a process. consumers.py, process.py, offline.py: what runs the matcher.

Nothing of a batch leaves before its commit. Nothing here decides a rule (engine/) or writes a row (journal/).
"""
