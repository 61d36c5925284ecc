"""Settings modules (DJANGO_SETTINGS_MODULE) that make a test's exchange faulty or less patient.

They also replace code and limits before anything reads them. The exchange itself has no hooks for tests.
"""
