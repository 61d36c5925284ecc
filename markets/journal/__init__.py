"""The truth on disk and its only writer: entries, the tables made of them, checkpoints, loading."""
