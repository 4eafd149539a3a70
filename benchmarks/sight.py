"""A figure in the middle of the window, as a reader has it who has scrolled there."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

REST = 1500  # milliseconds after which a page that stands still is taken to be at rest
TRIES = 20


def bring_into_sight(page: Page, slug: str) -> Locator:
    """Scroll to the first chart of a section until the page leaves it in the middle; the chart.

    What comes near while one scrolls is drawn, and moves what is below it. And until a reader scrolls, the page goes
    back to the heading of the section that its link names.

    Raises:
        RuntimeError: the page does not leave it there.
    """
    chart = page.locator(f".st-key-section-{slug} [data-testid=stVegaLiteChart]").first
    page.evaluate("dispatchEvent(new Event('wheel'))")
    for _ in range(TRIES):
        chart.evaluate("chart => chart.scrollIntoView({ block: 'center', behavior: 'instant' })")
        page.wait_for_timeout(REST)
        box, height = chart.bounding_box(), page.viewport_size["height"]
        if box and abs(box["y"] + box["height"] / 2 - height / 2) < height / 10:
            return chart
    raise RuntimeError(f"the page does not leave the chart of {slug} in sight")
