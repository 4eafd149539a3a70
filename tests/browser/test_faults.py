"""What a reader keeps when things go wrong: a server that dies, a replica that dies, a second tab, a slow line."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings, from_query
from tests.browser.conftest import PATIENCE_MILLISECONDS, Tab, serving, wait_until
from tests.facts import fact
from tests.serving import ROOT, RUN, free_port, nginx, streamlit

pytestmark = pytest.mark.faults
PART = "section=k-steps"
SECTION = "k-steps"


def asked(tab: Tab) -> Settings:
    """The settings in the tab's address."""
    return from_query(parse_qs(urlsplit(tab.page.url).query))[0]


def shown(tab: Tab, name: str) -> str:
    return tab.slider(name).get_attribute("aria-valuetext")


def drawn(tab: Tab) -> list[str]:
    """What the section's chart shows."""
    return tab.drawing(tab.charts(SECTION).first)


def press(tab: Tab, name: str, *keys: str) -> None:
    """Move a slider, and wait until its chart has followed."""
    chart = tab.charts(SECTION).first
    for key in keys:
        before = tab.drawing(chart)
        tab.slider(name).press(key)
        tab.wait_until_redrawn(chart, before)


def wait_for_text(tab: Tab, name: str, text: str) -> None:
    tab.page.wait_for_function(
        """([name, text]) => {
            const slider = document.querySelector(`.st-key-${name} [aria-valuetext]`);
            return slider?.getAttribute('aria-valuetext') === text;
        }""",
        arg=[name, text],
        timeout=PATIENCE_MILLISECONDS,
    )


def wait_for_the_address(tab: Tab, settings: Settings) -> None:
    """Wait until the address has these settings: what the server writes there is mended a moment after its answer."""
    with contextlib.suppress(pytest.fail.Exception):
        wait_until(tab.page, lambda: asked(tab) == settings, "it never has them")
    assert asked(tab) == settings  # or it says what differs


def assert_goes_on(tab: Tab, fresh: Tab, settings: Settings) -> None:
    """The tab has its settings and its figure, and a control still moves them."""
    for name in ("w", "k"):
        assert shown(tab, name) == CONTROL[name].text(getattr(settings, name))
    wait_for_the_address(tab, settings)
    assert drawn(tab) == drawn(fresh)
    press(tab, "w", "ArrowLeft")
    values = CONTROL["w"].values
    wait_for_the_address(tab, settings.replace(w=values[values.index(settings.w) - 1]))


# notes each change of the connection, and whether the script runs
WATCH = """() => {
    const app = document.querySelector("[data-testid=stApp]");
    const note = () => window.changes.push([app.dataset.testConnectionState, app.dataset.testScriptState]);
    window.changes = [];
    new MutationObserver(note).observe(app, { attributes: true });
    note();
}"""


def wait_until_cut_off(tab: Tab) -> None:
    """Wait until the tab knows that nobody answers. Call it with :data:`WATCH` at work."""
    tab.page.wait_for_function("() => changes.at(-1)[0] !== 'CONNECTED'")


def wait_until_answered(tab: Tab) -> None:
    """Wait until the tab is connected again, and the new session's first run is over."""
    tab.page.wait_for_function(
        """() => {
            const since = changes.slice(changes.findLastIndex(([connection]) => connection !== "CONNECTED") + 1);
            const began = since.findIndex(([_, script]) => script === "running");
            return began >= 0 && since.slice(began).some(([_, script]) => script === "notRunning");
        }"""
    )
    tab.settle()


def close(*tabs: Tab) -> None:
    """Close the tabs while their server is still there; that nobody has answered meanwhile is no error of the page."""
    nobody = (
        "net::ERR_CONNECTION_REFUSED",
        "the server responded with a status of 502 (Bad Gateway)",
        "Client Error in reaching server endpoint",
        "Is Streamlit still running?",
        "Cannot send rerun backMessage when disconnected from server",
        "No response received when attempting to reach /_stcore/",
    )
    for tab in tabs:
        tab.page.context.close()
        tab.errors[:] = [error for error in tab.errors if not any(one in error for one in nobody)]


# --- a server that dies -------------------------------------------------------------------------------------


@fact("a lost connection")
def test_a_server_that_is_killed_and_started_again_loses_no_setting(open_at, tmp_path: Path):
    port, log = free_port(), tmp_path / "streamlit.log"
    address = f"http://localhost:{port}/"
    with serving(port, log) as server:
        tab = open_at(address, f"?{PART}&act=tanh")
        press(tab, "w", "ArrowRight", "ArrowRight")
        press(tab, "k", "ArrowLeft")
        settings = asked(tab)
        assert settings != Settings(act="tanh")
        tab.page.evaluate(WATCH)
        server.send_signal(signal.SIGKILL)
        server.wait()
        wait_until_cut_off(tab)
        tab.slider("w").press("ArrowRight")  # with nobody there to answer
        tab.slider("w").press("ArrowLeft")
        dialog = tab.page.get_by_role("dialog", name="Waiting for the server")
        expect(dialog).to_be_visible()
        assert "comes back by itself" in dialog.inner_text()
        assert "streamlit" not in dialog.inner_text().lower()  # it would say how to start a server
    with serving(port, log):
        wait_until_answered(tab)
        expect(dialog).to_be_hidden()
        fresh = open_at(address, "?" + urlsplit(tab.page.url).query)
        assert_goes_on(tab, fresh, settings)
        close(tab, fresh)


@fact("state after a restart")
def test_a_server_that_is_started_again_keeps_answers_and_open_folds(open_at, tmp_path: Path):
    port, log = free_port(), tmp_path / "streamlit.log"
    answer, fold = f".st-key-answer-{SECTION}", f".st-key-take-{SECTION}"
    told = f"[data-testid=stVerticalBlock]:has(> {answer}) [data-testid=stMarkdown] >> nth=1"
    with serving(port, log) as server:
        tab = open_at(f"http://localhost:{port}/", f"#{SECTION}", near=False)
        tab.page.wait_for_selector(answer, timeout=PATIENCE_MILLISECONDS)
        tab.page.locator(answer).get_by_role("radio").first.focus()
        tab.page.keyboard.press("Space")
        before = tab.page.locator(told).inner_text(timeout=PATIENCE_MILLISECONDS)
        tab.page.locator(fold).locator("summary").click()
        tab.page.wait_for_selector(f"{fold} [data-testid=stCode]", timeout=PATIENCE_MILLISECONDS)
        tab.page.evaluate(WATCH)
        server.send_signal(signal.SIGKILL)
        server.wait()
        wait_until_cut_off(tab)
    with serving(port, log):
        wait_until_answered(tab)
        tab.focus_control("w")  # one step on and one back: the new session goes on from where the old one was
        assert tab.page.locator(answer).get_by_role("radio").first.is_checked()
        assert tab.page.locator(told).inner_text() == before
        assert tab.page.locator(f"{fold} [data-testid=stCode]").count()
        close(tab)


# --- replicas -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def nginx_before(ports: tuple[int, int], folder: Path) -> Iterator[int]:
    """nginx with the files under deploy/, in front of two replicas; its port."""
    replicas = (ROOT / "deploy" / "nginx-replicas.conf").read_text(encoding="utf-8")
    for written, real in zip(("127.0.0.1:8501", "127.0.0.1:8502"), ports, strict=True):
        assert written in replicas
        replicas = replicas.replace(written, f"127.0.0.1:{real}")
    lesson = (ROOT / "deploy" / "nginx-replicas-lesson.conf").read_text(encoding="utf-8")
    with nginx(folder, lesson, replicas) as port:
        yield port


def connections(server: subprocess.Popen) -> int:
    """How many connections a server on an IPv4 address has that are not just being closed (Linux)."""
    inodes = set()
    for one in Path(f"/proc/{server.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.add(str(one.readlink()))
    lines = Path(f"/proc/{server.pid}/net/tcp").read_text(encoding="utf-8").splitlines()[1:]
    return sum(line.split()[3] == "01" and f"socket:[{line.split()[9]}]" in inodes for line in lines)


def test_a_reader_whose_replica_is_killed_goes_on_at_the_other_one(open_at, tmp_path: Path):
    ports = (free_port(), free_port())
    below = ("--server.baseUrlPath", "lesson", "--server.address", "127.0.0.1")
    with (
        serving(ports[0], tmp_path / "first.log", *below) as first,
        serving(ports[1], tmp_path / "second.log", *below) as second,
        nginx_before(ports, tmp_path) as port,
    ):
        address = f"http://127.0.0.1:{port}/lesson/"
        tab = open_at(address, f"?{PART}&act=tanh")
        assert "lesson" in {cookie["name"] for cookie in tab.page.context.cookies()}
        press(tab, "w", "ArrowRight", "ArrowRight")
        press(tab, "k", "ArrowLeft")
        settings = asked(tab)
        mine, other = (first, second) if connections(first) else (second, first)
        assert connections(mine) >= 1
        assert connections(other) == 0  # all that the reader has asked for came from one replica
        tab.page.evaluate(WATCH)
        mine.send_signal(signal.SIGKILL)
        mine.wait()
        wait_until(tab.page, lambda: connections(other) > 0, "the reader does not come to the other replica")
        wait_until_answered(tab)
        fresh = open_at(address, "?" + urlsplit(tab.page.url).query)
        assert_goes_on(tab, fresh, settings)
        close(tab, fresh)


# --- a server that sends late -------------------------------------------------------------------------------

# Streamlit looks every 5 ms what there is to send; a process that is busy, more rarely.
SENDS_LATE = """
import sys
from streamlit.runtime import runtime
from streamlit.web import cli
runtime.MESSAGE_FLUSH_INTERVAL_SECS = 0.7
sys.argv[0] = "streamlit"
cli.main()
"""
# the keys of everything on the page that has one, from top to bottom
KEYS = """() => [...document.querySelectorAll("[class*='st-key-']")].map(
    one => [...one.classList].find(name => name.startsWith("st-key-"))
)"""


@fact("messages that wait")
def test_what_is_not_sent_yet_comes_although_another_run_begins(open_at, open_page, tmp_path: Path):
    """A press between the end of a run of the whole page and the sending of what that has said."""
    port = free_port()
    arguments, address = ("-c", SENDS_LATE, *RUN[2:], "--server.port", str(port)), f"http://localhost:{port}"
    with streamlit(arguments, address, tmp_path / "streamlit.log"):
        tab = open_at(f"{address}/", near=False)
        wait_until(tab.page, lambda: tab.slider("bf").count() == 1, "a control has not come")
        tab.page.evaluate("document.querySelectorAll('.group').forEach(fold => (fold.open = true))")
        wanted = Settings()
        for milliseconds in (300, 600, 900):  # somewhere there all of the page has run, and is not sent
            for name, key, step in (("n", "ArrowLeft", -1), ("bf", "ArrowRight", 1)):
                values = CONTROL[name].values
                wanted = wanted.replace(**{name: values[values.index(getattr(wanted, name)) + step]})
                tab.slider(name).press(key)
                tab.page.wait_for_timeout(milliseconds)
        wait_for_the_address(tab, wanted)
        tab.settle()
        fresh = open_page("?" + urlsplit(tab.page.url).query, near=False)
        assert tab.page.evaluate(KEYS) == fresh.page.evaluate(KEYS)
        close(tab, fresh)


# --- tabs, buttons and lines --------------------------------------------------------------------------------


def test_two_tabs_do_not_move_each_other(open_page):
    one, other = open_page(f"?{PART}&w=1.2"), open_page(f"?{PART}&w=0.8")
    before = drawn(other)
    press(one, "w", "ArrowRight", "ArrowRight")
    press(other, "k", "ArrowRight")
    assert drawn(other) != before
    press(other, "k", "ArrowLeft")  # whatever had come from the other tab would have come by now
    assert drawn(other) == before
    assert asked(other) == Settings(w=0.8)
    assert shown(other, "w") == "0.8"
    assert asked(one).k == Settings().k
    assert asked(one).w > 1.2


def test_back_and_forward_lead_to_the_states_that_links_have_opened(open_page):
    tab = open_page(f"?{PART}&w=1.2")
    first = drawn(tab)
    base = tab.page.url.partition("?")[0]
    tab.page.goto(f"{base}?{PART}&w=0.5&k=30")
    tab.settle()
    second = drawn(tab)
    tab.page.go_back()
    wait_for_text(tab, "w", "1.2")
    tab.settle()
    assert asked(tab) == Settings(w=1.2)
    assert drawn(tab) == first
    tab.page.go_forward()
    wait_for_text(tab, "w", "0.5")
    tab.settle()
    assert asked(tab) == Settings(w=0.5, k=30)
    assert drawn(tab) == second


THIRD_GENERATION = {"latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 750e3 / 8}


def test_on_a_slow_line_nothing_is_lost(open_page):
    tab = open_page(f"?{PART}&act=tanh", settle=False)
    tab.page.goto("about:blank")
    session = tab.page.context.new_cdp_session(tab.page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", {"offline": False, **THIRD_GENERATION})
    tab.page.go_back()
    tab.settle()
    for _ in range(6):  # faster than the line
        tab.slider("w").press("ArrowRight")
    values = CONTROL["w"].values
    wanted = values[values.index(Settings().w) + 6]
    tab.page.wait_for_function(
        "w => new URLSearchParams(location.search).get('w') === w", arg=CONTROL["w"].text(wanted)
    )
    fresh = open_page("?" + urlsplit(tab.page.url).query)
    tab.wait_until_drawn(tab.charts(SECTION).first, drawn(fresh))
    assert_goes_on(tab, fresh, Settings(act="tanh", w=wanted))
