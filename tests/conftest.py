"""What all tests share: one thread for torch, the same random examples at each run, and which tests stay together.

Profiles of hypothesis:
    test: the same examples at each run. The profile of ``make test``.
    fuzz: other examples with each seed. The profile of ``make fuzz``; see ``tests/fuzz.py``.
"""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
from collections.abc import Iterator

import hypothesis
import pytest

# Read by OpenMP when torch is first imported, so it is set before any test module is.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# No test is timed: neither an example nor the drawing of it, which takes longer on a machine that has more to do.
EVERY_PROFILE = {
    "deadline": None,
    "print_blob": True,
    "database": None,
    "suppress_health_check": [hypothesis.HealthCheck.too_slow],
}
hypothesis.settings.register_profile("test", derandomize=True, **EVERY_PROFILE)
hypothesis.settings.register_profile("fuzz", **EVERY_PROFILE)
hypothesis.settings.load_profile("test")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Import the whole package, and see that the tests of a file stay together.

    Hypothesis tries the constants that it finds in the modules imported so far. With all of them imported, the
    examples do not depend on which tests ran before.
    """
    import explainer

    if getattr(session.config.option, "loadgroup", False):
        together = [item.nodeid for item in session.items if item.get_closest_marker("xdist_group")]
        loose = [name for name in together if "@" not in name]
        if loose:  # as with pytest 9.2 and pytest-xdist 3.8: nothing fails, everything takes twice as long
            pytest.exit(f"pytest-xdist does not read its groups with pytest {pytest.__version__}: {loose[0]}", 4)
    for module in pkgutil.walk_packages(explainer.__path__, "explainer."):
        importlib.import_module(module.name)
    gc.freeze()  # what has been imported stays: without this each of the many collections would look at all of it


@pytest.fixture(scope="module", autouse=True)
def _left_open() -> Iterator[None]:
    """Find what the tests of a file have left open when the file ends, not when Python happens to collect it."""
    yield
    gc.collect()


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of one file to one process, so that they share what their file has computed.

    A test marked ``apart`` shares nothing worth keeping: any process may have it. These come after the files and even
    out what the files have left. Browser tests come last of all: once Playwright has started, it keeps an event loop
    running in this thread, in which no other test could start its own. Of the claims the longest come first.
    """
    for item in items:
        if not item.get_closest_marker("apart") and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    items.sort(key=lambda item: [item.get_closest_marker(name) is not None for name in ("needs_browser", "apart")])
    items.sort(key=_seconds, reverse=True)


def _seconds(item: pytest.Item) -> float:
    """About how long a claim trains; 0 for all other tests."""
    claim = item.get_closest_marker("claims")
    return claim.kwargs["seconds"] if claim else 0.0
