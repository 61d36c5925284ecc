"""The engine against the rules. What compares the two says its figures when an assert fails."""

import pytest

pytest.register_assert_rewrite("tests.agreement", "tests.scenario", "tests.engine.driver")
