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

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.proxy import far_away
from benchmarks.served import CHROMIUM_ARGUMENTS, ROOT, find_browser, machine, say, served
from benchmarks.sight import bring_into_sight

AT_REST = "[data-testid=stApp][data-test-script-state=notRunning]"
REST, DRAG, SWING = 0.5, 3.0, 1.0  # seconds: before the drag, of the drag, there and back once
PIXELS = 90  # from where it begins
PHONE = 4  # times slower
SECTIONS, NAMES = ("k-steps", "vanish-or-explode"), ("w", "f", "k")
CHART = {"f": 1}  # in section 6 the second map is that of f

COUNT = """([chart, thumb]) => {
    const counted = (window.counted = { pictures: 0, values: 0, followed: 0, began: 0, first: 0 });
    const marks = ".mark-line path, .mark-symbol path, .mark-rule line, .mark-text text, .role-axis-label text";
    const look = () => [...chart.querySelectorAll(marks)]
        .map((one) => `${one.getAttribute("d")}${one.getAttribute("transform")}${one.textContent}`).join();
    let shown = look(), isNew = false;
    new MutationObserver(() => {
        counted.values += 1;
        isNew = true;
        counted.began ||= performance.now();
    }).observe(thumb, { attributes: true, attributeFilter: ["aria-valuetext"] });
    const frame = () => {
        const now = look();
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


def _open(browser: Browser, address: str, section: str, is_phone: bool) -> Page:
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
    page.mouse.move(x, y)
    page.wait_for_timeout(REST * 1e3)
    thumb = page.locator(f".st-key-{name} [aria-valuetext]").first
    page.evaluate(COUNT, [chart.element_handle(), thumb.element_handle()])
    page.mouse.down()
    begun = time.monotonic()
    while (now := time.monotonic() - begun) < DRAG:
        away = 1 - abs(2 * (now % SWING) / SWING - 1)  # from 0 to 1 and back
        page.mouse.move(x + PIXELS * away * (-1 if name == "f" else 1), y)
        page.wait_for_timeout(4)
    counted = page.evaluate("() => ({ ...window.counted })")
    page.mouse.up()
    page.wait_for_timeout(1000)
    return counted


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
                            page = _open(browser, f"http://localhost:{port}", section, is_phone)
                            counted = drag(page, section, name)
                            page.context.close()
                            followed = counted["followed"] / max(counted["values"], 1)
                            first = counted["first"] - counted["began"] if counted["first"] else float("nan")
                            place = f"{far:.0f}{', a phone' if is_phone else ''}"
                            rate = counted["pictures"] / DRAG
                            say(f"| {place} | {section} | {name} | {rate:.1f} | {followed:.0%} | {first:.0f} |")
        browser.close()


if __name__ == "__main__":
    main()
