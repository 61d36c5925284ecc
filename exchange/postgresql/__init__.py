"""Django's PostgreSQL with a pool that hands out no dead connection (base.py)."""
