"""Pictures that follow a drag of w: on our page, and on a small page each in Panel, Dash, Gradio and Vega alone.

    OMP_NUM_THREADS=1 python -m benchmarks.beside [--far 0 150 300] [--only dash vega]

Ours is the whole page with section 5 in sight. Each of the others has nothing but a slider over the same values and
three charts of a gradient against 51 lags, which follow while it is dragged: in Panel, Dash and Gradio the server
computes every value when it is asked for it, by numpy, and in Vega alone the page brings all values along. All are
dragged as in ``drags.py``, through its proxy, and what counts as a picture is the same: the first of the charts has
changed, axis and all.

The first call makes an environment beside the one it runs in, ``.venv-beside``, and installs there what
``requirements.txt`` pins. A framework that cannot be installed is left out.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from benchmarks.drags import MARKS, PIXELS, drag, in_cells, look_at, open_at, swing
from benchmarks.proxy import far_away
from benchmarks.served import (
    CHROMIUM_ARGUMENTS,
    ROOT,
    Server,
    find_browser,
    free_port,
    machine,
    say,
    served,
    started,
)

PINS = Path(__file__).with_name("requirements.txt")
ENVIRONMENT = Path(sys.prefix).parent / ".venv-beside"
PYTHON = ENVIRONMENT / "bin" / "python"
OURS, SECTION = "this page, section 5", "k-steps"
REST = 4000  # milliseconds for a page that has been opened
WITHIN = 60_000  # milliseconds for its first picture
THUMB = "[role=slider], input[type=range]"

# keeps for every canvas the lines and the words that have been painted on it since it was cleared
KEEP = """
(() => {
  const painted = new WeakMap(), prototype = CanvasRenderingContext2D.prototype;
  const kept = (name, keep) => {
    const own = prototype[name];
    prototype[name] = function (...given) {
      keep(this.canvas, given);
      return own.apply(this, given);
    };
  };
  kept("clearRect", (canvas) => painted.set(canvas, []));
  for (const name of ["moveTo", "lineTo", "fillText"]) {
    kept(name, (canvas, given) => painted.get(canvas)?.push(given.join(" ")));
  }
  const within = (root) => [...root.querySelectorAll("*")].flatMap((one) => [one, ...inShadow(one)]);
  const inShadow = (one) => (one.shadowRoot ? within(one.shadowRoot) : []);
  window.paintedOn = (chart) => [...within(chart), ...inShadow(chart)].map((one) => painted.get(one) ?? "").join();
})();
"""

# where a slider is to be taken hold of; one of the browser's own says its value and not where its thumb is
MIDDLE = """(thumb) => {
    const { left, top, width, height } = thumb.getBoundingClientRect(), half = Math.min(width, 16) / 2;
    const share = thumb.max ? (thumb.value - thumb.min) / (thumb.max - thumb.min) : 0.5;
    return [left + half + share * (width - 2 * half), top + height / 2];
}"""


@dataclass(frozen=True)
class Framework:
    """A page in another framework.

    Attributes:
        name: what a reader knows it by; in small letters the name of its module after ``in_``.
        packages: what it is made with, the framework first; without any it needs only what our page needs.
        chart: the selector of its first chart.
        look: the JavaScript that says what that chart shows.
    """

    name: str
    packages: tuple[str, ...]
    chart: str
    look: str

    @property
    def key(self) -> str:
        return self.name.lower()

    @property
    def title(self) -> str:
        versions = dict(line.split("==") for line in PINS.read_text(encoding="utf-8").splitlines() if "==" in line)
        return " ".join([self.name, *(versions[package] for package in self.packages[:1])])


FRAMEWORKS = (
    Framework("Panel", ("panel", "bokeh", "numpy"), ".bk-Figure", "paintedOn"),
    Framework("Dash", ("dash", "plotly", "numpy"), "#identity", look_at(".js-line, .xtick text, .ytick text")),
    Framework("Gradio", ("gradio", "numpy", "pandas"), "#identity", look_at(MARKS)),
    Framework("Vega", (), "#charts", look_at(MARKS)),
)


def install(framework: Framework) -> str:
    """Put a framework into the environment; what pip says if it cannot."""
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
    command = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint", PINS]
    done = subprocess.run([*command, *framework.packages], capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return (said or ["pip does not say why"])[0] if done.returncode else ""


def serving(framework: Framework) -> AbstractContextManager[Server]:
    """Its page, as long as it is measured; called by hand, its module says what goes wrong."""
    python, port = PYTHON if framework.packages else sys.executable, free_port()
    command = [str(python), "-m", f"benchmarks.beside.in_{framework.key}", str(port)]
    return started(command, port, errors=subprocess.DEVNULL)


def _drag_theirs(browser: Browser, port: int, framework: Framework) -> dict[str, float]:
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.add_init_script(KEEP)
    page.goto(f"http://localhost:{port}")
    thumb, chart = page.locator(THUMB).first, page.locator(framework.chart).first
    for one in (thumb, chart):
        one.wait_for(timeout=WITHIN)
    page.wait_for_timeout(REST)
    counted = swing(page, chart, thumb, tuple(thumb.evaluate(MIDDLE)), PIXELS, framework.look)
    page.context.close()
    return counted


def _drag_ours(browser: Browser, port: int) -> dict[str, float]:
    page = open_at(browser, f"http://localhost:{port}", SECTION, is_phone=False)
    counted = drag(page, SECTION, "w")
    page.context.close()
    return counted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--far", type=float, nargs="+", default=[0, 150, 300], help="round trips in milliseconds")
    names = [framework.key for framework in FRAMEWORKS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="which to stand beside ours")
    options = parser.parse_args()
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # nothing here asks anything of another machine
    chosen = []
    for framework in FRAMEWORKS:
        if framework.key not in options.only:
            continue
        trouble = install(framework) if framework.packages else ""
        if trouble:
            say(f"{framework.title} is left out, since it cannot be installed: {trouble}")
        else:
            chosen.append(framework)
    say(machine())
    say()
    say("| page | round trip, ms | pictures a second | of the values passed | first picture, ms |")
    say("|---|---|---|---|---|")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(CHROMIUM_ARGUMENTS))
        with served(ROOT / "streamlit_app.py") as server:
            for far in options.far:
                with far_away(server.port, far) as port:
                    say(f"| {OURS} | {far:.0f} | {in_cells(_drag_ours(browser, port))} |")
        for framework in chosen:
            with serving(framework) as server:
                for far in options.far:
                    with far_away(server.port, far) as port:
                        counted = _drag_theirs(browser, port, framework)
                        say(f"| {framework.title} | {far:.0f} | {in_cells(counted)} |")
        browser.close()


if __name__ == "__main__":
    main()
