"""The proof that tables, journal and rules agree. Nothing imports it at run time."""
