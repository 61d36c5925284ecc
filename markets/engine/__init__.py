"""The rules of docs/rules.md as a pure function: a command in, events or a refusal out.

Read in this order: commands, events, errors (what goes in and comes out); book, board, ledger, state (what the engine
remembers); engine (the table of handlers); orders; then ownership, credits, transfers, visibility, listing, settlement
and auction (one group of rules each). text has names, notes and figures as words; lookalikes says which names
look alike, by unicode_tables, which is generated; invariants is checked after every
batch. A new command: a class in commands, its events in events, a handler beside its group, a line in engine.HANDLERS.

Nothing here reads a clock, a random number, a float, a file or a database, or imports anything of ours outside engine/.
A handler makes all its checks before its first change.
"""
