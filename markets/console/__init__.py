"""The operators' door, on accounts/console."""
