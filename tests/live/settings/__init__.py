"""Settings of exchanges that a test makes ill, or less patient: DJANGO_SETTINGS_MODULE of their process.

What is not a setting is changed here before anything has read it; the exchange's own code has no door for tests.
"""
