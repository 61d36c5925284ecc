"""The parts of the operator console (the Django admin): rights, tables that nobody edits, operations as views."""
