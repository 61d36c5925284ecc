"""The base of the operator console (the Django admin): its site, rights, read-only tables, operations as views."""
