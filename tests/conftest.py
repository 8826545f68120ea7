"""What holds for all tests."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.browser import CHROMIUM
from tests.side_by_side import WholeFiles, put_longest_first

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xdist.remote import Producer


def pytest_configure(config: pytest.Config) -> None:
    """Files are given out in the order of ``put_longest_first``, not by how many tests they have; no test has a deadline."""
    config.option.loadscopereorder = False
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # So a shell starts what it runs in the background, and all that it starts in turn; tests send Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # A property that takes long on a busy machine is not a fault.
    hypothesis.settings.register_profile("side by side", deadline=None)
    hypothesis.settings.load_profile("side by side")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Any:
    """With ``-n``, a file's tests stay in one process and in order, whatever ``--dist`` says."""
    return WholeFiles(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Test modules are kept as pytest rewrote them, also under ``PYTHONDONTWRITEBYTECODE``: to rewrite takes half of all collecting."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    try:
        return (yield)
    finally:
        sys.dont_write_bytecode = before


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Longest first."""
    put_longest_first(items)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Unit tests go without TensorFlow, so no test module may import it while it is collected."""
    if "tensorflow" in sys.modules:
        raise pytest.UsageError(
            "a test module imports TensorFlow when it is collected; import it inside the tests"
        )


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium, one for a file of tests."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()
