"""The base of the operator console, which is Django's admin.

Read in this order: site.py with apps.py (the admin site, and sudo for every page), rights.py (who may see and do what),
tables.py (tables that nobody can edit), filters.py (filters by name or id), operations.py (what operators do, each a
view with a form), words.py (times and people as text).
Tables derive from ReadOnlyAdmin or EngineOwnedAdmin in the admin.py of their package. Operations derive from
CommandOperation in its operations.py. The console never writes a row that the engine owns.
"""
