"""The page as a reader has it: served by Streamlit, opened in Chromium; in ``engines/`` in Firefox and WebKit as well.

Without the browser that it needs a test is skipped, and the end of the run says so; with ``CI=true`` or
``REQUIRE_BROWSER=1`` it fails instead.

Fixtures:
    served_page: the address of the running page, for the whole session. Its log is shown with a failed test.
    server: its process.
    chromium: the browser, for the whole session. Whoever asks for one is marked ``needs_browser``.
    open_page: opens the page in a tab of its own and gives a :class:`Tab`; see there for what a test can do.
    open_at: the same, of a server that the test has started itself with :func:`serving`.
    open_shared_page: as ``open_page``, with tabs that stay open for all tests of a file.

Where several processes share the work, each has one server and one browser.
"""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Frame, Locator, Page, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError
from streamlit.proto.BackMsg_pb2 import BackMsg

from tests.browser import installed
from tests.browser.installed import CHROMIUM
from tests.browser.page_scripts import DRAWING, FAR_AWAY, SETTLED
from tests.serving import RUN, free_port, streamlit

PATIENCE_MILLISECONDS = 120_000  # how long to wait for what must come; no test measures time with it

# A container has no sandbox of its own to give, and the page needs nothing from outside this machine.
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

BASE_PATH = "--server.baseUrlPath"

SERVER_LOG = pytest.StashKey[Path]()
MISSING = "missing browser"  # the name of a test's property: the engine that it would have needed


# --- with and without a browser -----------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)  # before the tests of a file are kept together
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that asks for a browser, directly or through a fixture.

    Those that share no tab may run in any process; those in one of several engines share its browser.
    """
    for item in items:
        names = getattr(item, "fixturenames", ())
        if "engine" in names:
            item.add_marker(pytest.mark.engines)
            item.add_marker(pytest.mark.needs_browser)
            item.add_marker(pytest.mark.xdist_group(f"engine-{_engine_of(item)}"))
        elif "chromium" in names:
            item.add_marker(pytest.mark.needs_browser)
            if "open_shared_page" not in names:
                item.add_marker(pytest.mark.apart)


def _engine_of(item: pytest.Item) -> str:
    """The name of the engine in which a test of the page runs."""
    return item.callspec.params.get("engine", CHROMIUM) if hasattr(item, "callspec") else CHROMIUM


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    engine = _engine_of(item)
    if item.get_closest_marker("needs_browser") is None or installed.is_there(engine):
        return
    item.user_properties.append((MISSING, engine))
    if os.environ.get("CI") == "true" or os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(f"no {engine} found, and here it is required. {installed.HOW_TO_GET[engine]}", pytrace=False)
    pytest.skip(f"no {engine} found")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what a run without one of the browsers has not looked at."""
    skipped = [dict(report.user_properties).get(MISSING) for report in terminalreporter.getreports("skipped")]
    missing = [engine for engine in installed.ENGINES if engine in skipped]
    if not missing:
        return
    terminalreporter.write_sep("!", "browser tests did NOT run", red=True, bold=True)
    for engine in missing:
        terminalreporter.write_line(
            f"Nobody has looked at the page in {engine}: {skipped.count(engine)} tests need it."
        )
        terminalreporter.write_line(f"    To get it: {installed.HOW_TO_GET[engine]}")
    terminalreporter.write_line("REQUIRE_BROWSER=1 makes a missing browser a failure.")
    terminalreporter.write_sep("!", red=True, bold=True)


# --- the served page ----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _served(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, subprocess.Popen]]:
    log = tmp_path_factory.mktemp("server") / "streamlit.log"
    pytestconfig.stash[SERVER_LOG] = log
    port = free_port()
    with serving(port, log) as server:
        yield f"http://localhost:{port}", server


@pytest.fixture(scope="session")
def served_page(_served: tuple[str, subprocess.Popen]) -> str:
    """The address of the page, served as `make run` serves it: ``http://localhost:<free port>``."""
    return _served[0]


@pytest.fixture(scope="session")
def server(_served: tuple[str, subprocess.Popen]) -> subprocess.Popen:
    """The process that serves it. A test may stop it for a moment, but has to let it go on."""
    return _served[1]


@contextlib.contextmanager
def serving(port: int, log: Path, *options: str) -> Iterator[subprocess.Popen]:
    """The server's process, as soon as it answers; a test may kill it."""
    below = f"/{options[options.index(BASE_PATH) + 1]}" if BASE_PATH in options else ""
    with streamlit((*RUN, "--server.port", str(port), *options), f"http://localhost:{port}{below}", log) as server:
        yield server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    """Show the server's log with a failed test."""
    report = yield
    log = item.config.stash.get(SERVER_LOG, None)
    if report.failed and log is not None and "served_page" in getattr(item, "fixturenames", ()):
        report.sections.append(("The server's log (its last 100 lines)", _tail(log, 100)))
    return report


def _tail(log: Path, lines: int) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


# --- the browser --------------------------------------------------------------------------------------------


def wait_until(page: Page, holds: Callable[[], bool], otherwise: str) -> None:
    """Ask again and again until something holds; fail with these words if it never does."""
    deadline = time.monotonic() + PATIENCE_MILLISECONDS / 1000
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(otherwise)
        page.wait_for_timeout(20)  # Playwright goes on meanwhile


def _is_settled(frame: Frame, held: bool) -> bool:
    try:
        return frame.evaluate(SETTLED, held)
    except PlaywrightError:  # it is just loading another document
        return False


def wait_until_settled(page: Page | Frame, held: bool = False) -> None:
    """Wait until the page, or the one in a frame, is at rest: see :meth:`Tab.settle`."""
    if isinstance(page, Frame):  # out of sight it paints nothing, and Playwright would not look at it
        with contextlib.suppress(PlaywrightError):
            page.evaluate("() => { window.settledFrames = 0; }")
        wait_until(page.page, lambda: _is_settled(page, held), "the page in the frame does not settle")
        return
    page.evaluate("() => { window.settledFrames = 0; }")
    page.wait_for_function(SETTLED, arg=held, timeout=PATIENCE_MILLISECONDS)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The machine's own Chromium, driven by Playwright."""
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=installed.chromium_without_windows(), args=CHROMIUM_ARGUMENTS
        )
        yield browser
        browser.close()


@dataclass
class Tab:
    """One reader's tab.

    Attributes:
        page: Playwright's page, for everything that has no method here.
        errors: errors so far: the console's, and exceptions that no script caught. They fail the test in the
            end; a test that provokes some on purpose looks at them and then clears the list.
        warnings: what Vega has warned of in the console so far; they fail the test as well.
    """

    page: Page
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MILLISECONDS)
        self.page.on("console", self._keep)
        self.page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))

    def _keep(self, message) -> None:
        if message.type == "error":
            self.errors.append(f"console: {message.text} ({message.location.get('url', '')})")
        if message.text.startswith("WARN"):
            self.warnings.append(message.text)

    def focus_control(self, name: str) -> None:
        """Put the focus on a slider that moves the status line, and wait until the server knows what is in sight.

        The browser says so when a control gets the focus, and a press that follows at once may get there with it. So
        the slider goes one step on and one back.
        """
        status = self.page.locator(".status")
        for key in ("ArrowRight", "ArrowLeft"):
            said = status.inner_text()
            self.slider(name).press(key)
            self.page.wait_for_function(
                "said => document.querySelector('.status').innerText !== said",
                arg=said,
                timeout=PATIENCE_MILLISECONDS,
            )
            self.settle()

    def settle(self, held: bool = False) -> None:
        """Wait until the script has run, also for what is out of sight, the page listens, every element has loaded its
        code, and every chart has been drawn, from what the server has answered; or from a sweep, while a slider or a
        key is ``held`` down.

        After an action this may return before the action's run has begun: wait for what must change instead,
        as :meth:`wait_until_redrawn` does.
        """
        wait_until_settled(self.page, held)

    def come_near(self, slug: str) -> None:
        """Scroll to a section, and wait until it has been drawn."""
        section = f".st-key-section-{slug}"
        self.page.locator(section).evaluate("section => section.scrollIntoView({ behavior: 'instant' })")
        self.page.wait_for_selector(f"{section}:not(:has(.undrawn))")
        self.settle()

    def come_near_everything(self) -> None:
        """Have every section drawn, as for printing."""
        self.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        self.page.wait_for_function("() => !document.querySelector('.undrawn')")
        self.settle()

    def wear(self, color_scheme: str) -> None:
        """Change the theme as a reader's system does, ``"light"`` or ``"dark"``, and wait until the page has it."""
        self.page.emulate_media(color_scheme=color_scheme)
        self.page.wait_for_function(
            "scheme => getComputedStyle(document.querySelector('[data-testid=stApp]')).colorScheme === scheme",
            arg=color_scheme,
        )
        self.settle()

    def charts(self, slug: str | None = None) -> Locator:
        """The charts of the page, or of one of its sections, from top to bottom."""
        within = f".st-key-section-{slug} " if slug else ""
        return self.page.locator(f"{within}[data-testid=stVegaLiteChart]")

    def drawing(self, chart: Locator) -> list[str]:
        """What an SVG chart shows: the outlines of its lines, areas and points, its places and its texts.

        In alphabetical order: in which order Vega puts marks and ticks into the SVG depends on what was drawn before.
        """
        return sorted(chart.evaluate(DRAWING))

    def wait_until_redrawn(self, chart: Locator, before: list[str], held: bool = False) -> list[str]:
        """Wait until a chart shows something else than before, and settle; what it shows then."""
        wait_until(self.page, lambda: self.drawing(chart) != before, "the chart has not changed")
        self.settle(held)
        return self.drawing(chart)

    def wait_until_drawn(self, chart: Locator, expected: list[str]) -> None:
        """Wait until a chart shows just this."""
        with contextlib.suppress(pytest.fail.Exception):
            wait_until(self.page, lambda: self.drawing(chart) == expected, "it never shows this")
        assert self.drawing(chart) == expected  # or it says what differs

    def slider(self, key: str) -> Locator:
        """The part of a control that takes the focus and the arrow keys."""
        return self.page.locator(f".st-key-{key} [role=slider], .st-key-{key} input[type=range]").first

    def overflows_sideways(self) -> bool:
        return self.page.evaluate("document.scrollingElement.scrollWidth > window.innerWidth + 1")


class Heard:
    """What a tab says to the server from now on."""

    def __init__(self, tab: Tab) -> None:
        self.messages: list[BackMsg] = []
        session = tab.page.context.new_cdp_session(tab.page)
        session.on("Network.webSocketFrameSent", self._hear)
        session.send("Network.enable")

    def _hear(self, sent: dict) -> None:
        self.messages.append(BackMsg.FromString(base64.b64decode(sent["response"]["payloadData"])))

    def states(self) -> Iterator[dict]:
        """The states of the widgets in each message, by the end of their id."""
        for message in self.messages:
            yield {one.id.split("-", 2)[-1]: one for one in message.rerun_script.widget_states.widgets}


@pytest.fixture
def open_at(chromium: Browser) -> Iterator[Callable[..., Tab]]:
    """``open_at(address, "?w=1.2", ...)``: like ``open_page``, of a server that the test itself has started."""
    yield from _tabs(chromium)


@pytest.fixture
def open_page(chromium: Browser, served_page: str) -> Iterator[Callable[..., Tab]]:
    """``open_page("?w=1.2#k-steps", color_scheme="dark", width=390, height=844, reduced_motion="reduce")``.

    All arguments are optional; further keywords go to Playwright's ``new_context``. The tab that comes back has
    settled, and everything on it has been drawn unless ``near=False``. With ``far=300`` every message from and to the
    server takes so many milliseconds. At the end every tab is closed, and errors
    that a tab still holds fail the test.
    """
    yield from _tabs(chromium, f"{served_page}/")


@pytest.fixture(scope="module")
def open_shared_page(chromium: Browser, served_page: str) -> Iterator[Callable[..., Tab]]:
    """The same, with tabs that stay open for all tests of a file: to look at one page from several sides."""
    yield from _tabs(chromium, f"{served_page}/")


def _tabs(chromium: Browser, *server: str) -> Iterator[Callable[..., Tab]]:
    tabs: list[Tab] = []

    def open_one(
        *address: str,
        width: int = 1280,
        height: int = 900,
        settle: bool = True,
        near: bool = True,
        far: int = 0,
        **options,
    ) -> Tab:
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        tab = Tab(context.new_page())
        tabs.append(tab)
        if far:
            tab.page.add_init_script(f"({FAR_AWAY})({far})")
        tab.page.goto("".join([*server, *address]))
        if settle:
            tab.settle()
        if settle and near:
            tab.come_near_everything()
        return tab

    yield open_one
    for tab in tabs:
        tab.page.context.close()
    assert [tab.errors + tab.warnings for tab in tabs if tab.errors + tab.warnings] == []
