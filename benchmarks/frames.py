"""Sections in frames of a course page at another origin: from opening it to the last chart, after a first visit.

    OMP_NUM_THREADS=1 python -m benchmarks.frames [--sections 1 4 8] [--times 5]

The course page stands on this machine too. Its frames grow with their content, as in ``examples/course_page.html``, and
load at once, without ``loading="lazy"``. A first visit that is not counted leaves in the browser's cache what every
later one finds there.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import html
import http.server
import statistics
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.served import CHROMIUM_ARGUMENTS, ROOT, find_browser, machine, say, served
from explainer.lesson import SECTIONS

AT_REST = "[data-testid=stApp][data-test-script-state=notRunning]"
WITHIN = 120_000  # milliseconds

# notes in every frame when its last chart was drawn, by a clock that all frames share
WATCH = """
new MutationObserver(() => {
  const drawn = document.querySelectorAll("[data-testid=stVegaLiteChart] :is(svg, canvas).marks").length;
  if (drawn === (window.drawn ?? 0)) return;
  window.drawn = drawn;
  window.drawnAt = performance.timeOrigin + performance.now();
}).observe(document, { subtree: true, childList: true });
"""
IS_DRAWN = f"""() => {{
    const charts = [...document.querySelectorAll("[data-testid=stVegaLiteChart]")];
    const isDrawn = charts.length && charts.every((one) => one.querySelector(":is(svg, canvas).marks"));
    return isDrawn && document.querySelector("{AT_REST}") && !document.querySelector("[data-testid=stSkeleton]");
}}"""


def course_page(address: str, slugs: Sequence[str]) -> str:
    """The example's page with these sections in its frames instead of its own."""
    source = (ROOT / "examples" / "course_page.html").read_text(encoding="utf-8")
    script = source[source.index("<script>") : source.index("</script>")] + "</script>"
    frames = "".join(
        f'<h2>{slug}</h2><iframe id="{slug}" title="{slug}" style="width: 100%; height: 40rem" '
        f'src="{html.escape(f"{address}/?embed=true&section={slug}")}"></iframe>'
        for slug in slugs
    )
    return f"<!DOCTYPE html><title>Week 7</title>{frames}{script}"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@contextlib.contextmanager
def elsewhere(folder: str) -> Iterator[str]:
    """The folder's files at another origin than the lesson's."""
    handler = functools.partial(_Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _opened(page: Page, address: str, count: int) -> float:
    """Milliseconds from the navigation to the last chart of so many frames."""
    page.goto(address)
    frames = page.frames[1:]
    assert len(frames) == count
    for frame in frames:
        # not at each animation frame: out of sight there are none
        frame.wait_for_function(IS_DRAWN, timeout=WITHIN, polling=50)
    return max(frame.evaluate("drawnAt") for frame in frames) - page.evaluate("performance.timeOrigin")


def opening(browser: Browser, address: str, count: int, times: int) -> list[float]:
    """Milliseconds of each visit after the first."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(WATCH)
    taken = []
    for _ in range(times + 1):
        page = context.new_page()
        taken.append(_opened(page, address, count))
        page.close()
    context.close()
    return taken[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sections", type=int, nargs="+", default=[1, 4, 8], help="how many on the course page")
    parser.add_argument("--times", type=int, default=5, help="visits that count")
    options = parser.parse_args()
    say(machine())
    say()
    say("| sections on the page | from opening it to the last chart: median, s | spread |")
    say("|---|---|---|")
    with (
        served(ROOT / "streamlit_app.py") as server,
        tempfile.TemporaryDirectory() as folder,
        elsewhere(folder) as site,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(CHROMIUM_ARGUMENTS))
        for count in options.sections:
            slugs = [section.slug for section in SECTIONS[:count]]
            Path(folder, f"{count}.html").write_text(course_page(server.address, slugs), encoding="utf-8")
            seconds = [taken / 1e3 for taken in opening(browser, f"{site}/{count}.html", count, options.times)]
            say(f"| {count} | {statistics.median(seconds):.1f} | {min(seconds):.1f} to {max(seconds):.1f} |")
        browser.close()


if __name__ == "__main__":
    main()
