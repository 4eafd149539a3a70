"""What the browser's console says while the page is read: nothing."""

from __future__ import annotations

from tests.browser.conftest import wait_until

SECTIONS = "through-time,two-steps,k-steps,many-paths,number-formats,does-it-learn,your-own-network"


def test_vega_has_nothing_to_complain_of(open_page):
    said: list[str] = []
    tab = open_page("?embed=true", settle=False)
    tab.page.on("console", lambda message: said.append(message.text))
    tab.page.goto(tab.page.url.partition("?")[0] + f"?section={SECTIONS}")
    tab.settle()
    tab.come_near_everything()
    wait_until(tab.page, lambda: tab.charts().count() > 0, "nothing is drawn")
    assert [text for text in said if text.startswith("WARN")] == []
