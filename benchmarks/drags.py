"""Pictures that follow the pointer, however far away the server is: a drag of w, f and k, to and fro for 3 seconds.

    OMP_NUM_THREADS=1 python -m benchmarks.drags [--far 0 150 300] [--phone]

The whole page, with section 5 and then section 6 in sight. A proxy on this machine delays what passes between browser
and server. The pointer rests on the slider for half a second before. A picture is a frame in which what the chart shows
has changed; its share is that of the values under the thumb that are followed by one. On a phone the processor is four
times slower.
"""

from __future__ import annotations

import argparse
import time

from playwright.sync_api import Browser, Locator, Page, sync_playwright

from benchmarks.proxy import far_away
from benchmarks.served import CHROMIUM_ARGUMENTS, ROOT, find_browser, machine, say, served
from benchmarks.sight import bring_into_sight

AT_REST = "[data-testid=stApp][data-test-script-state=notRunning]"
REST, DRAG, SWING = 0.5, 3.0, 1.0  # seconds: before the drag, of the drag, there and back once
PIXELS = 90  # from where it begins
PHONE = 4  # times slower
SECTIONS, NAMES = ("k-steps", "vanish-or-explode"), ("w", "f", "k")
CHART = {"f": 1}  # in section 6 the second map is that of f

MARKS = ".mark-line path, .mark-symbol path, .mark-rule line, .mark-text text, .role-axis-label text"  # Vega's

COUNT = """([chart, thumb], look) => {
    const counted = (window.counted = { pictures: 0, values: 0, followed: 0, began: 0, first: 0 });
    let shown = look(chart), isNew = false;
    const passed = () => {
        counted.values += 1;
        isNew = true;
        counted.began ||= performance.now();
    };
    thumb.addEventListener("input", passed);  // of a slider of the browser's own, which has no such attribute
    const attributeFilter = ["aria-valuetext", "aria-valuenow"];
    new MutationObserver(passed).observe(thumb, { attributes: true, attributeFilter });
    const frame = () => {
        const now = look(chart);
        if (now !== shown) {
            shown = now;
            counted.pictures += 1;
            counted.followed += isNew;
            isNew = false;
            counted.first ||= performance.now();
        }
        requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
}"""


def look_at(marks: str) -> str:
    """The JavaScript that says what a chart of SVG shows, by the selector of its marks."""
    return f"""(chart) => [...chart.querySelectorAll("{marks}")]
        .map((one) => `${{one.getAttribute("d")}}${{one.getAttribute("transform")}}${{one.textContent}}`).join()"""


def open_at(browser: Browser, address: str, section: str, is_phone: bool) -> Page:
    """The whole page at rest, with a section in sight."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(f"{address}/#{section}")
    page.wait_for_selector(AT_REST, timeout=60_000)
    page.wait_for_timeout(4000)
    bring_into_sight(page, section)
    if is_phone:
        session = page.context.new_cdp_session(page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": PHONE})
    return page


def drag(page: Page, section: str, name: str) -> dict[str, float]:
    """What has been counted: pictures, values under the thumb, those that a picture followed; milliseconds."""
    charts = page.locator(f".st-key-section-{section} [data-testid=stVegaLiteChart]")
    chart = charts.nth(CHART.get(name, 0) if charts.count() > 1 else 0)
    knob = page.locator(f".st-key-{name} [data-testid=stSliderThumbValue]").locator("..")
    knob.scroll_into_view_if_needed()
    box = knob.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    thumb = page.locator(f".st-key-{name} [aria-valuetext]").first
    return swing(page, chart, thumb, (x, y), -PIXELS if name == "f" else PIXELS, look_at(MARKS))


def swing(
    page: Page, chart: Locator, thumb: Locator, begin: tuple[float, float], reach: float, look: str
) -> dict[str, float]:
    """The same of any slider and chart: from where the thumb is to ``reach`` pixels from there, and back.

    Args:
        thumb: what has the value, as an attribute for screen readers or as a field.
        look: the JavaScript that says what the chart shows.
    """
    x, y = begin
    page.mouse.move(x, y)
    page.wait_for_timeout(REST * 1e3)
    page.evaluate(f"(held) => ({COUNT})(held, {look})", [chart.element_handle(), thumb.element_handle()])
    page.mouse.down()
    begun = time.monotonic()
    while (now := time.monotonic() - begun) < DRAG:
        away = 1 - abs(2 * (now % SWING) / SWING - 1)  # from 0 to 1 and back
        page.mouse.move(x + reach * away, y)
        page.wait_for_timeout(4)
    counted = page.evaluate("() => ({ ...window.counted })")
    page.mouse.up()
    page.wait_for_timeout(1000)
    return counted


def in_cells(counted: dict[str, float]) -> str:
    """Pictures a second, their share of the values passed, and milliseconds to the first, as cells of a table."""
    followed = counted["followed"] / max(counted["values"], 1)
    first = f"{counted['first'] - counted['began']:.0f}" if counted["first"] else "none came"
    return f"{counted['pictures'] / DRAG:.1f} | {followed:.0%} | {first}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--far", type=float, nargs="+", default=[0, 150, 300], help="round trips in milliseconds")
    parser.add_argument("--phone", action="store_true", help="measure on a processor four times slower as well")
    options = parser.parse_args()
    say(machine())
    say()
    say("| round trip, ms | section | control | pictures a second | of the values passed | first picture, ms |")
    say("|---|---|---|---|---|---|")
    with served(ROOT / "streamlit_app.py") as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(CHROMIUM_ARGUMENTS))
        for is_phone in (False, True) if options.phone else (False,):
            for far in options.far:
                with far_away(server.port, far) as port:
                    for section in SECTIONS:
                        for name in NAMES:
                            page = open_at(browser, f"http://localhost:{port}", section, is_phone)
                            counted = drag(page, section, name)
                            page.context.close()
                            place = f"{far:.0f}{', a phone' if is_phone else ''}"
                            say(f"| {place} | {section} | {name} | {in_cells(counted)} |")
        browser.close()


if __name__ == "__main__":
    main()
