"""A reader opens the page in a browser, has all of it drawn, and moves a control."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(("color_scheme", "query"), [("light", ""), ("dark", "?section=k-steps")])
def test_the_page_opens_and_w_moves_the_central_chart(open_page, color_scheme: str, query: str):
    tab = open_page(query, color_scheme=color_scheme)  # an error in the console or a warning of Vega's fails the test
    tab.come_near("k-steps")
    central = tab.charts("k-steps").first
    before = tab.drawing(central)
    assert before
    tab.slider("w").press("ArrowRight")
    assert tab.wait_until_redrawn(central, before) != before
