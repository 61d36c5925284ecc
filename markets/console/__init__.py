"""The operator console of markets, built on accounts/console.

Read in this order: ../admin.py (the tables and their pages), operations.py (what operators do about a market),
figures.py (the console's home and the journal's lines), entry_text.py (commands and events as people read them).
To add an operation, derive a class in operations.py and list it in the `operations` of a table in admin.py.
An operation is a command to the matcher. This package never writes a row.
"""
