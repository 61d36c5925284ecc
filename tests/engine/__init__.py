"""Tests of the engine against the rules. The modules below print the figures of an assert that fails."""

import pytest

pytest.register_assert_rewrite("tests.agreement", "tests.scenario", "tests.engine.driver")
