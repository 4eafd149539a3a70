"""What Vega says in the browser's console while the page is read, and its controls and maps are moved: nothing."""

from __future__ import annotations

MOVED = ("w", "k", "f", "h0", "n", "d")


def test_vega_has_nothing_to_complain_of(open_page):
    said: list[str] = []
    tab = open_page(settle=False)
    tab.page.on("console", lambda message: said.append(message.text))
    tab.settle()
    tab.come_near_everything()
    for name in MOVED:
        tab.slider(name).press("ArrowRight")
        tab.settle()
    for chart in tab.charts("vanish-or-explode").all()[:2]:
        chart.hover(position={"x": 200, "y": 150})
        tab.page.mouse.down()
        chart.hover(position={"x": 240, "y": 120})
        tab.page.mouse.up()
        tab.settle()
    assert [text for text in said if text.startswith("WARN")] == []
