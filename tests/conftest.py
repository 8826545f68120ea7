"""What holds for all tests."""

from __future__ import annotations

import sys

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Unit tests go without TensorFlow, so no test module may import it while it is collected."""
    if "tensorflow" in sys.modules:
        raise pytest.UsageError(
            "a test module imports TensorFlow when it is collected; import it inside the tests"
        )
