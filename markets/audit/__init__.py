"""The proof that journal, tables and rules agree: `manage.py verify`, also on a running exchange.

Read in this order: replay (every command through an empty engine), balances (the rules of money from the tables alone,
without the engine), integrity (the database's own check), verification (all of it, and the tables row by row). A new
table that the engine owns: a comparison in verification; a new rule of money: a check in balances.

Nothing here writes, and nothing imports it at run time: only commands, tests and benchmarks do.
"""
