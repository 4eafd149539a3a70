"""What a reader waits for, in Chromium: after a key press, during a drag, on a first visit; beside an empty page.

    OMP_NUM_THREADS=1 python -m benchmarks.page [--times 20]

The empty page (``empty_page.py``: a title, a slider, a line of text, Streamlit's own configuration) and this one are
served side by side and asked in turn. A time runs from the event of the key in the browser to the frame in which the
last change of the page's main part has been painted. The server's part runs from the message that asks for a run to
the last message of its answer, once as the browser sees it, which shares the processor with the server, and once as a
client without a face sees it, which has nothing to draw.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from tornado.websocket import websocket_connect

from benchmarks.served import CHROMIUM_ARGUMENTS, ROOT, Server, find_browser, machine, say, served
from explainer.controls import CONTROL

QUIET = 400  # milliseconds without a change after which an answer is over
WARM_UP = 2  # answers that do not count
AT_REST = "[data-testid=stApp][data-test-script-state=notRunning]"

# notes in every page when the key was pressed, and when what has changed since was painted
STOPWATCH = """
(() => {
  const watch = (window.stopwatch = { pressed: 0, painted: 0, paints: 0, texts: 0, charts: 0 });
  addEventListener("keydown", () => Object.assign(watch, { pressed: performance.now(), painted: 0 }), true);
  let asked = false;
  const changed = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      const after = new MessageChannel();
      after.port1.onmessage = () => { watch.painted = performance.now(); watch.paints += 1; };
      after.port2.postMessage(0);
    });
  };
  const clear = CanvasRenderingContext2D.prototype.clearRect;  // how Vega begins to paint a canvas
  CanvasRenderingContext2D.prototype.clearRect = function (...box) { changed(); return clear.apply(this, box); };
  const element = (node) => (node.nodeType === 1 ? node : node.parentElement);
  const inMain = ({ target }) => element(target)?.closest("[data-testid=stMain]");
  const look = (records) => records.some(inMain) && changed();
  const drawn = ["d", "transform", "x", "y", "x1", "x2", "y1", "y2", "width", "height", "fill", "opacity"];
  const all = { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: drawn };
  new MutationObserver(look).observe(document, all);
})();
"""


@dataclass
class Tab:
    """One open page, the slider to move on it, and the messages that pass."""

    page: Page
    key: str | None
    frames: list[tuple[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        session = self.page.context.new_cdp_session(self.page)
        session.on("Network.webSocketFrameSent", lambda event: self.frames.append(("sent", event["timestamp"])))
        session.on("Network.webSocketFrameReceived", lambda event: self.frames.append(("got", event["timestamp"])))
        session.send("Network.enable")

    def press(self, arrow: str) -> tuple[float, float]:
        """Milliseconds from the key to the last paint, and of the server's part in between."""
        within = f".st-key-{self.key} " if self.key else ""
        slider = self.page.locator(f"{within}input[type=range]").first
        self.page.bring_to_front()
        slider.focus()
        self.frames.clear()
        slider.press(arrow)
        self.page.wait_for_function(
            f"() => stopwatch.painted && performance.now() - stopwatch.painted > {QUIET}"
            f" && document.querySelector('{AT_REST}')"
        )
        taken = self.page.evaluate("() => stopwatch.painted - stopwatch.pressed")
        begun = next(when for kind, when in self.frames if kind == "sent")
        return taken, (max(when for kind, when in self.frames if kind == "got") - begun) * 1e3


def open_tab(browser: Browser, address: str, key: str | None, height: int = 900) -> Tab:
    page = browser.new_context(viewport={"width": 1280, "height": height}).new_page()
    page.add_init_script(STOPWATCH)
    page.goto(address)
    page.wait_for_selector(AT_REST)
    page.wait_for_timeout(4000)
    return Tab(page, key)


def row(what: str, milliseconds: list[float], *more: str) -> str:
    spread = f"{min(milliseconds):.0f} to {max(milliseconds):.0f}"
    return f"| {what} | {statistics.median(milliseconds):.0f} | {spread} | " + " | ".join(more) + " |"


# --- a key press --------------------------------------------------------------------------------------------

MOVED = {
    "the whole page, w": ("", "w"),
    "the whole page, k": ("", "k"),
    "the whole page, h(t−k)": ("", "h0"),
    "one section (k-steps), k": ("?section=k-steps", "k"),
    "one section (k-steps), w": ("?section=k-steps", "w"),
}


def key_presses(browser: Browser, empty: Server, page: Server, times: int) -> None:
    tabs = {"the empty page": open_tab(browser, empty.address, None)}
    tabs |= {what: open_tab(browser, f"{page.address}/{asked}", key) for what, (asked, key) in MOVED.items()}
    taken: dict[str, list[tuple[float, float]]] = {what: [] for what in tabs}
    for count in range(times + WARM_UP):
        for what, tab in tabs.items():
            taken[what].append(tab.press("ArrowLeft" if count % 2 else "ArrowRight"))
    compared = statistics.median(whole for whole, _ in taken["the empty page"][WARM_UP:])
    say("| from key press to last paint | median, ms | spread | times the empty page | server's part meanwhile, ms |")
    say("|---|---|---|---|---|")
    for what, pairs in taken.items():
        whole, server = zip(*pairs[WARM_UP:], strict=True)
        ratio = statistics.median(whole) / compared
        say(row(what, list(whole), f"{ratio:.1f}", f"{statistics.median(server):.0f}"))
    for tab in tabs.values():
        tab.page.context.close()


# --- the server alone ---------------------------------------------------------------------------------------


async def _answers(port: int, query: str, name: str | None, times: int) -> list[float]:
    """Milliseconds from asking for a run with one slider moved to the end of its answer."""
    socket = await websocket_connect(f"ws://localhost:{port}/_stcore/stream", max_message_size=2**28)
    sliders = []

    async def run(ask: BackMsg) -> float:
        begun = time.perf_counter()
        await socket.write_message(ask.SerializeToString(), binary=True)
        while True:
            message = ForwardMsg()
            message.ParseFromString(await socket.read_message())
            if message.delta.new_element.WhichOneof("type") == "slider":
                sliders.append(message.delta.new_element.slider)
            if message.WhichOneof("type") == "script_finished" and message.script_finished in (
                ForwardMsg.FINISHED_SUCCESSFULLY,
                ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY,
            ):
                return (time.perf_counter() - begun) * 1e3

    ask = BackMsg()
    ask.rerun_script.query_string = query
    await run(ask)
    slider = next(one for one in sliders if name is None or one.id.endswith(f"-{name}"))
    taken = []
    for count in range(1, times + WARM_UP + 1):
        ask = BackMsg()
        ask.rerun_script.query_string = query
        widget = ask.rerun_script.widget_states.widgets.add()
        widget.id = slider.id
        if name is None:
            widget.double_array_value.data.append(count)
        else:
            # each value once: nothing of the answer is known yet
            values = CONTROL[name].values
            value = values[(values.index(CONTROL[name].default) + count) % len(values)]
            widget.string_array_value.data.append(CONTROL[name].text(value))
        taken.append(await run(ask))
    socket.close()
    return taken[WARM_UP:]


def server_alone(empty: Server, page: Server, times: int) -> None:
    say("| the server alone, from request to end of answer | median, ms | spread |")
    say("|---|---|---|")
    say(row("the empty page", asyncio.run(_answers(empty.port, "", None, times))).removesuffix("|  |") + "|")
    for what, (asked, name) in MOVED.items():
        taken = asyncio.run(_answers(page.port, asked.removeprefix("?"), name, times))
        say(row(what, taken).removesuffix("|  |") + "|")


# --- a drag -------------------------------------------------------------------------------------------------

DRAG = 2.0  # seconds


def drags(browser: Browser, page: Server) -> None:
    say("| figures that follow a drag | updates a second |")
    say("|---|---|")
    places = {"one section (k-steps)": ("?section=k-steps", 2600), "the whole page, at k-steps": ("#k-steps", 900)}
    for what, (asked, height) in places.items():
        for name in ("w", "f", "k"):
            tab = open_tab(browser, f"{page.address}/{asked}", name, height)
            say(f"| {what}, {name} | {_updates(tab, name) / DRAG:.1f} |")
            tab.page.context.close()


def _updates(tab: Tab, name: str) -> int:
    """How many different pictures the chart shows while the slider is dragged."""
    tab.page.evaluate(
        """() => {
            const chart = document.querySelector(".st-key-section-k-steps svg.marks");
            const outline = (line) => line.getAttribute("d");
            const lines = () => [...chart.querySelectorAll(".mark-line path")].map(outline).join();
            window.pictures = new Set([lines()]);
            const look = () => { window.pictures.add(lines()); requestAnimationFrame(look); };
            look();
        }"""
    )
    knob = tab.page.locator(f".st-key-{name} [data-testid=stSliderThumbValue]").locator("..")
    knob.scroll_into_view_if_needed()
    tab.page.locator("#k-steps").scroll_into_view_if_needed()
    box = knob.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.page.mouse.move(x, y)
    tab.page.mouse.down()
    begun = time.monotonic()
    while (now := time.monotonic() - begun) < DRAG:
        tab.page.mouse.move(x + 90 * now / DRAG * (-1 if name == "f" else 1), y)
        tab.page.wait_for_timeout(8)
    seen = tab.page.evaluate("() => window.pictures.size")
    tab.page.mouse.up()
    return seen - 1


# --- a first visit ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _visit(browser: Browser, address: str) -> Iterator[Page]:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(address, wait_until="commit")
    yield page
    page.context.close()


def _first_times(browser: Browser, address: str) -> tuple[float, float]:
    """Milliseconds from the request to the first of the page's own text, and to its last chart."""
    with _visit(browser, address) as page:
        text = page.wait_for_function("() => document.querySelector('h1') && performance.now()").json_value()
        page.wait_for_selector(AT_REST, timeout=60_000)
        charts = page.wait_for_function(
            """() => {
                const charts = [...document.querySelectorAll('[data-testid=stVegaLiteChart]')];
                const done = charts.length && charts.every((one) => one.querySelector('svg.marks, canvas.marks'));
                return done && document.querySelector('#references') && performance.now();
            }""",
            timeout=60_000,
        ).json_value()
        return text, charts


def first_visits(browser: Browser, page: Server, times: int) -> None:
    say("| first visit | median, ms | spread |")
    say("|---|---|---|")
    cold = []
    for _ in range(3):
        begun = time.monotonic()
        with served(ROOT / "streamlit_app.py") as fresh:
            started = (time.monotonic() - begun) * 1e3
            cold.append((started, *_first_times(browser, fresh.address)))
    warm = [_first_times(browser, page.address) for _ in range(times)]
    names = ("warm server: text", "warm server: last chart")
    for name, milliseconds in zip(names, zip(*warm, strict=True), strict=True):
        say(row(name, list(milliseconds)).removesuffix("|  |") + "|")
    names = ("new process: until it listens", "then, first reader: text", "then, first reader: last chart")
    for name, milliseconds in zip(names, zip(*cold, strict=True), strict=True):
        say(row(name, list(milliseconds)).removesuffix("|  |") + "|")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=12)
    times = parser.parse_args().times
    say(machine())
    with (
        tempfile.TemporaryDirectory() as folder,
        served(ROOT / "benchmarks" / "empty_page.py", Path(folder)) as empty,
        served(ROOT / "streamlit_app.py") as page,
    ):
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_browser(), args=list(CHROMIUM_ARGUMENTS))
            say()
            key_presses(browser, empty, page, times)
            say()
            drags(browser, page)
            say()
            first_visits(browser, page, min(times, 5))
            browser.close()
        say()
        server_alone(empty, page, times)


if __name__ == "__main__":
    main()
