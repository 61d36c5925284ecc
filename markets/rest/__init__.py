"""The REST door, on accounts/rest."""
