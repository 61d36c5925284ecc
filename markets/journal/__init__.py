"""The journal: the truth of the exchange on disk, and the only writer of the tables that the engine owns.

Read in this order: entries (commands and events as JSON, the chain of hashes); projection (the rows of a batch) over
tables (how rows are written); journal (commit, load, and reads beside them); loading (tables to Engine, the only
recovery); tail (the check before it); checkpoints and histories (a market's past); triggers (the database keeps the
journal append-only); lock (one matcher per database). A new table that the engine owns: a Table in tables, its rows in
projection, a reader in loading.

Nothing here decides a rule or who may see what, and nothing outside writes these tables or changes an entry.
"""
