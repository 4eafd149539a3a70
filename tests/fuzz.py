"""A pytest plugin for ``make fuzz``: every test that draws examples draws new ones, for a given time.

It leaves out all other tests. The time is divided among the tests that are left; each goes on until its share is
over. A test that finds a counterexample takes as long as hypothesis needs to make it small.

The seed stands in the first lines of the run. The same seed gives each test the same examples in the same order; how
far a test gets depends on the machine.

Options:
    --fuzz-seconds: how long the search may take, on all processes together with it.
    --hypothesis-seed: the seed; without it, one is drawn.
"""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable, Iterator

import hypothesis
import pytest
from hypothesis.errors import FlakyStrategyDefinition, HypothesisException, StopTest

AS_MANY_AS_THERE_IS_TIME_FOR = 10**7
EXAMPLES = "examples"  # the name of their number in a report

# A decorator of a test may ask for fewer examples; hypothesis offers no public way to overrule it.
SETTINGS = "_hypothesis_internal_use_settings"

_SHARE = pytest.StashKey[float]()  # seconds
_TRIED = pytest.StashKey[int]()
_IS_OVER = pytest.StashKey[bool]()


class TimeIsOver(pytest.skip.Exception):
    """Ends a search that has found nothing. Hypothesis stops at once at a skip, whatever it was about to try."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz-seconds", type=float, default=120.0, help="how long the random search may take")


@pytest.hookimpl(tryfirst=True)  # before hypothesis reads the seed
def pytest_configure(config: pytest.Config) -> None:
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(random.SystemRandom().randrange(10**9))
    if config.option.hypothesis_profile is None:
        config.option.hypothesis_profile = "fuzz"


def pytest_report_header(config: pytest.Config) -> str:
    return f"random search for {config.option.fuzz_seconds:g} s, SEED={config.option.hypothesis_seed}"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the random tests alone, and give each its share of the time."""
    searches = [item for item in items if hypothesis.is_hypothesis_test(getattr(item, "obj", None))]
    config.hook.pytest_deselected(items=[item for item in items if item not in searches])
    items[:] = searches
    seconds = config.option.fuzz_seconds * _processes(config)
    whole = sum(map(_weight, searches))
    for item in searches:
        item.stash[_SHARE] = seconds * _weight(item) / whole


def _processes(config: pytest.Config) -> int:
    """How many processes share the work."""
    return getattr(config, "workerinput", {}).get("workercount", 1)


def _weight(item: pytest.Item) -> float:
    """How many shares of the time a test gets: more if its examples take long (``@pytest.mark.fuzz(weight=5)``)."""
    mark = item.get_closest_marker("fuzz")
    return mark.kwargs["weight"] if mark else 1.0


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[object]:
    """Have a random test search until its share of the time is over; if it has found nothing by then, it has passed."""
    wrapped = pyfuncitem.obj
    chosen = getattr(wrapped, SETTINGS, None)
    test, pyfuncitem.stash[_TRIED], pyfuncitem.stash[_IS_OVER] = wrapped.hypothesis.inner_test, 0, False
    setattr(wrapped, SETTINGS, hypothesis.settings(chosen, max_examples=AS_MANY_AS_THERE_IS_TIME_FOR))
    wrapped.hypothesis.inner_test = _within_its_time(test, pyfuncitem)
    try:
        return (yield)
    except (TimeIsOver, FlakyStrategyDefinition):
        # a test that draws within its body has drawn less when it was stopped than the same example did before
        if not pyfuncitem.stash[_IS_OVER]:
            raise
        return True
    finally:
        wrapped.hypothesis.inner_test = test
        setattr(wrapped, SETTINGS, chosen)


def _within_its_time(test: Callable, item: pytest.Item) -> Callable:
    """The test of one example, which ends the search once the item's share of the time is over."""
    until, failed = None, False

    @functools.wraps(test)
    def one_example(*arguments, **keywords) -> None:
        nonlocal until, failed
        if until and time.monotonic() > until and not failed:  # what has failed is made small first
            item.stash[_IS_OVER] = True
            raise TimeIsOver
        item.stash[_TRIED] += 1
        try:
            test(*arguments, **keywords)
        except (HypothesisException, StopTest):  # an example that the test does not want, or that draws too much
            raise
        except BaseException:
            failed = True
            raise
        finally:
            until = until or time.monotonic() + item.stash[_SHARE]  # the first example may have much to import

    return one_example


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[pytest.TestReport]:
    """Write down with each report how many examples were tried, for the summary."""
    report = yield
    if call.when == "call":
        report.user_properties.append((EXAMPLES, item.stash[_TRIED]))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    tried = {
        report.nodeid.partition("@")[0]: dict(report.user_properties)[EXAMPLES]
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if EXAMPLES in dict(report.user_properties)
    }
    terminalreporter.write_sep("=", f"random search, SEED={config.option.hypothesis_seed}")
    for name, count in sorted(tried.items(), key=lambda one: one[1]):
        terminalreporter.write_line(f"{count:>8,} {name}")
    terminalreporter.write_line(f"{sum(tried.values()):>8,} examples by {len(tried)} tests")
