"""What every door reads from the tables: markets, visibility, statements, previews."""
