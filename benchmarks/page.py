"""What a reader waits for, in Chromium: after a key press, during a drag, on a first visit; beside an empty page.

    OMP_NUM_THREADS=1 python -m benchmarks.page [--times 20]

The empty page (``empty_page.py``: a title, a slider, a line of text, Streamlit's own configuration), the same with
torch and Altair imported (``empty_page_with_imports.py``) and this one are served side by side and asked in turn. A
time runs from the event of the key in the browser to the frame in which the last change of the page's main part has
been painted: of what is in sight, and of every section that has been drawn, in sight or not: those that the reader has
come near. To paint the same picture in sight once more is no change; the server's answer does so to what a sweep has
drawn. The server's part runs from the message that asks for a run to the last message of its answer, as a client
without a face sees it, which has nothing to draw: all parts in one answer, or those in sight alone.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, sync_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from tornado.websocket import websocket_connect

from benchmarks.reader import Reader
from benchmarks.served import CHROMIUM_ARGUMENTS, ROOT, Server, find_browser, machine, say, served
from benchmarks.sight import bring_into_sight
from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings

QUIET = 400  # milliseconds without a change after which an answer is over
WARM_UP = 2  # answers that do not count
SHOWN = "k-steps"  # the section in sight
AT_REST = "[data-testid=stApp][data-test-script-state=notRunning]"

# notes in every page when the key was pressed, and when what has changed since was painted
STOPWATCH = """
(() => {
  const watch = (window.stopwatch = { pressed: 0, painted: 0, seen: 0 });
  const CHART = "[data-testid=stVegaLiteChart]";
  const MARKS = ".mark-line path, .mark-area path, .mark-symbol path, .mark-rect path, .mark-rule line";
  let inSight = [];  // the charts, and the bar that stays, as they stand when the key is pressed
  let shown = "";  // what was painted of them last
  const outline = (mark) => ["d", "transform", "x2", "y2", "fill"].map((name) => mark.getAttribute(name)).join();
  const picture = () => inSight.map((one) =>
    one.textContent + [...one.querySelectorAll(MARKS)].map(outline).sort().join()).join();
  const look = () => {
    inSight = [...document.querySelectorAll(`${CHART}, .st-key-status-bar`)].filter((element) => {
      const box = element.getBoundingClientRect();
      return box.bottom > 0 && box.top < innerHeight;
    });
    shown = picture();
  };
  addEventListener("keydown", () => {
    look();
    Object.assign(watch, { pressed: performance.now(), painted: 0, seen: 0 });
  }, true);
  let asked = false, seen = false;
  const changed = (isSeen) => {
    seen ||= isSeen;
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      const after = new MessageChannel(), wasSeen = seen;
      seen = false;
      after.port1.onmessage = () => {
        watch.painted = performance.now();
        const now = wasSeen ? picture() : shown;
        if (now !== shown) watch.seen = watch.painted;
        shown = now;
      };
      after.port2.postMessage(0);
    });
  };
  const clear = CanvasRenderingContext2D.prototype.clearRect;  // how Vega begins to paint a canvas
  CanvasRenderingContext2D.prototype.clearRect = function (...box) {
    changed(inSight.includes(this.canvas.closest(CHART)));
    return clear.apply(this, box);
  };
  const element = (node) => (node.nodeType === 1 ? node : node.parentElement);
  const drawn = ["d", "transform", "x", "y", "x1", "x2", "y1", "y2", "width", "height", "fill", "opacity"];
  const all = { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: drawn };
  new MutationObserver((records) => {
    const within = records.map(({ target }) => element(target)).filter((one) => one?.closest("[data-testid=stMain]"));
    if (within.length) changed(within.some((one) => inSight.some((seen) => seen.contains(one))));
  }).observe(document, all);
})();
"""


@dataclass
class Tab:
    """One open page, and the slider to move on it."""

    page: Page
    key: str | None

    def focus(self) -> Locator:
        within = f".st-key-{self.key} " if self.key else ""
        slider = self.page.locator(f"{within}input[type=range]").first
        self.page.bring_to_front()
        slider.focus()
        self.page.wait_for_timeout(QUIET)
        return slider

    def press(self, arrow: str) -> tuple[float, float]:
        """Milliseconds from the key to the last paint of what is in sight, and to the last paint at all."""
        self.focus().press(arrow)
        self.page.wait_for_function(
            f"() => stopwatch.painted && performance.now() - stopwatch.painted > {QUIET}"
            f" && document.querySelector('{AT_REST}') && !document.querySelector('[aria-busy=true]')"
        )
        return tuple(
            self.page.evaluate(  # a page without charts has nothing out of sight
                """() => {
                    const { pressed, painted, seen } = stopwatch;
                    const hasCharts = document.querySelector("[data-testid=stVegaLiteChart]");
                    if (hasCharts && !seen) throw new Error("nothing in sight has changed");
                    return [seen || painted, painted].map((time) => time - pressed);
                }"""
            )
        )


def open_tab(browser: Browser, address: str, key: str | None, height: int = 900, through: bool = False) -> Tab:
    """A page at rest; ``through``: as a reader has it who has been through all of it, with every section drawn."""
    page = browser.new_context(viewport={"width": 1280, "height": height}).new_page()
    page.add_init_script(STOPWATCH)
    page.goto(address)
    page.wait_for_selector(AT_REST)
    page.wait_for_timeout(4000)
    if through:
        page.set_viewport_size({"width": 1280, "height": 40_000})
        page.wait_for_function("() => !document.querySelector('.undrawn')", timeout=60_000)
        page.wait_for_timeout(4000)
        page.set_viewport_size({"width": 1280, "height": height})
    if SHOWN in address:
        bring_into_sight(page, SHOWN)
    return Tab(page, key)


def row(what: str, milliseconds: list[float]) -> str:
    return f"| {what} | {statistics.median(milliseconds):.0f} | {min(milliseconds):.0f} to {max(milliseconds):.0f} |"


# --- a key press --------------------------------------------------------------------------------------------

MOVED = {
    "the whole page at k-steps, w": (f"#{SHOWN}", "w"),
    "the whole page at k-steps, k": (f"#{SHOWN}", "k"),
    "the whole page at k-steps, h(t−k)": (f"#{SHOWN}", "h0"),
    "the same, every section drawn, w": (f"#{SHOWN}", "w"),
    "one section (k-steps), k": (f"?section={SHOWN}", "k"),
    "one section (k-steps), w": (f"?section={SHOWN}", "w"),
}


EMPTY = "the empty page"
WITH_IMPORTS = "the empty page with torch and Altair imported"


def _spread(milliseconds: Sequence[float]) -> str:
    return f"{statistics.median(milliseconds):.0f} ({min(milliseconds):.0f} to {max(milliseconds):.0f})"


def key_presses(browser: Browser, empty: Server, with_imports: Server, page: Server, times: int) -> None:
    tabs = {EMPTY: open_tab(browser, empty.address, None), WITH_IMPORTS: open_tab(browser, with_imports.address, None)}
    for what, (asked, key) in MOVED.items():
        tabs[what] = open_tab(browser, f"{page.address}/{asked}", key, through="every section" in what)
    taken: dict[str, list[tuple[float, float]]] = {what: [] for what in tabs}
    for count in range(times + WARM_UP):
        for what, tab in tabs.items():
            taken[what].append(tab.press("ArrowLeft" if count % 2 else "ArrowRight"))
    say("from key press to last paint; × as often as the empty page takes, and as the one with imports")
    say()
    say("| | in sight, ms | × empty | × with imports | all, ms | × empty | × with imports |")
    say("|---|---|---|---|---|---|---|")
    empty_pages = (taken[what][WARM_UP:] for what in (EMPTY, WITH_IMPORTS))
    compared = [statistics.median(whole for _, whole in pairs) for pairs in empty_pages]
    for what, pairs in taken.items():
        cells = []
        for milliseconds in zip(*pairs[WARM_UP:], strict=True):
            cells += [_spread(milliseconds), *(f"{statistics.median(milliseconds) / one:.1f}" for one in compared)]
        say(f"| {what} | " + " | ".join(cells) + " |")
    for tab in tabs.values():
        tab.page.context.close()


# --- the server alone ---------------------------------------------------------------------------------------


async def _empty_answers(port: int, times: int) -> list[float]:
    """Milliseconds from asking for a run with the slider moved to the end of the answer."""
    socket = await websocket_connect(f"ws://localhost:{port}/_stcore/stream", max_message_size=2**28)
    taken, slider = [], ""
    for count in range(times + WARM_UP):
        ask = BackMsg()
        ask.rerun_script.SetInParent()
        if slider:
            widget = ask.rerun_script.widget_states.widgets.add()
            widget.id = slider
            widget.double_array_value.data.append(count)
        begun, over = time.perf_counter(), False
        await socket.write_message(ask.SerializeToString(), binary=True)
        while not over:
            message = ForwardMsg()
            message.ParseFromString(await socket.read_message())
            slider = message.delta.new_element.slider.id or slider
            over = message.WhichOneof("type") == "script_finished"
        taken.append((time.perf_counter() - begun) * 1e3)
    socket.close()
    return taken[WARM_UP:]


async def _answers(port: int, name: str, times: int, section: str | None, sight: str | None) -> list[float]:
    """The same of a slider of this page. Each value comes once: nothing of the answer is known yet."""
    reader, control = Reader(Settings(), section, sight), CONTROL[name]
    await reader.open(port)
    place, taken = control.values.index(control.default), []
    for count in range(1, times + WARM_UP + 1):
        milliseconds = await reader.set(name, control.values[(place + count) % len(control.values)])
        rest = await reader.pause() if reader.is_late else 0.0
        taken.append(milliseconds if sight else milliseconds + rest)
    reader.leave()
    return taken[WARM_UP:]


SERVED = {
    "the whole page, all of it: {}": ((None, None), ("w", "k", "h0")),
    "the whole page, what is in sight at k-steps: {}": ((None, "k-steps"), ("w", "k", "h0")),
    "one section (k-steps): {}": (("k-steps", None), ("k", "w")),
}


def server_alone(empty: Server, times: int) -> None:
    """A fresh server for each view, which knows nothing that another view has asked."""
    say("| the server alone, from request to end of answer | median, ms | spread |")
    say("|---|---|---|")
    say(row("the empty page", asyncio.run(_empty_answers(empty.port, times))))
    for what, (view, names) in SERVED.items():
        with served(ROOT / "streamlit_app.py") as page:
            for name in names:
                say(row(what.format(name), asyncio.run(_answers(page.port, name, times, *view))))


# --- a drag -------------------------------------------------------------------------------------------------

DRAG, SWEEP = 4.0, 1.0  # seconds
PIXELS = 90


def drags(browser: Browser, page: Server) -> None:
    say("| figures that follow a drag | updates a second |")
    say("|---|---|")
    places = {"one section (k-steps)": (f"?section={SHOWN}", 2600), "the whole page, at k-steps": (f"#{SHOWN}", 900)}
    for what, (asked, height) in places.items():
        for name in ("w", "f", "k"):
            tab = open_tab(browser, f"{page.address}/{asked}", name, height)
            say(f"| {what}, {name} | {_updates(tab, name) / DRAG:.1f} |")
            tab.page.context.close()


def _updates(tab: Tab, name: str) -> int:
    """How often the chart shows another picture while the slider is dragged to and fro."""
    tab.page.evaluate(
        """() => {
            const chart = document.querySelector(".st-key-section-k-steps svg.marks");
            const outline = (line) => line.getAttribute("d");
            const lines = () => [...chart.querySelectorAll(".mark-line path")].map(outline).join();
            let shown = lines();
            window.updates = 0;
            const look = () => {
                const now = lines();
                if (now !== shown) window.updates += 1;
                shown = now;
                requestAnimationFrame(look);
            };
            look();
        }"""
    )
    knob = tab.page.locator(f".st-key-{name} [data-testid=stSliderThumbValue]").locator("..")
    knob.scroll_into_view_if_needed()
    box = knob.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.page.mouse.move(x, y)
    tab.page.mouse.down()
    begun = time.monotonic()
    while (now := time.monotonic() - begun) < DRAG:
        away = 1 - abs(2 * (now % SWEEP) / SWEEP - 1)  # from 0 to 1 and back
        tab.page.mouse.move(x + PIXELS * away * (-1 if name == "f" else 1), y)
        tab.page.wait_for_timeout(8)
    seen = tab.page.evaluate("() => window.updates")
    tab.page.mouse.up()
    return seen


# --- a first visit ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _visit(browser: Browser, address: str) -> Iterator[Page]:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(address, wait_until="commit")
    yield page
    page.context.close()


def _first_times(browser: Browser, address: str) -> tuple[float, float]:
    """Milliseconds from the request to the first of the page's own text, and to the last chart that is drawn by itself:
    those far away wait until the reader comes near.
    """
    with _visit(browser, address) as page:
        text = page.wait_for_function("() => document.querySelector('h1') && performance.now()").json_value()
        page.wait_for_selector(AT_REST, timeout=60_000)
        charts = page.wait_for_function(
            """() => {
                const charts = [...document.querySelectorAll('[data-testid=stVegaLiteChart]')];
                const done = charts.length && charts.every((one) => one.querySelector('svg.marks, canvas.marks'));
                const kept = [...document.querySelectorAll('.undrawn')].map((one) => one.getBoundingClientRect());
                const missing = kept.some((box) => box.bottom > 0 && box.top < innerHeight);
                return done && !missing && document.querySelector('#references') && performance.now();
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
        say(row(name, list(milliseconds)))
    names = ("new process: until it listens", "then, first reader: text", "then, first reader: last chart")
    for name, milliseconds in zip(names, zip(*cold, strict=True), strict=True):
        say(row(name, list(milliseconds)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=12)
    times = parser.parse_args().times
    say(machine())
    with (
        tempfile.TemporaryDirectory() as folder,
        served(ROOT / "benchmarks" / "empty_page.py", Path(folder)) as empty,
        served(ROOT / "benchmarks" / "empty_page_with_imports.py", Path(folder)) as with_imports,
        served(ROOT / "streamlit_app.py") as page,
    ):
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find_browser(), args=list(CHROMIUM_ARGUMENTS))
            say()
            key_presses(browser, empty, with_imports, page, times)
            say()
            drags(browser, page)
            say()
            first_visits(browser, page, min(times, 5))
            browser.close()
        say()
        server_alone(empty, times)


if __name__ == "__main__":
    main()
