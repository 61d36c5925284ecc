"""The HTML door: views and their forms."""
