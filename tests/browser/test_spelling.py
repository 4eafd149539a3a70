"""Links in other spellings, of which the server sees only what the page's script hands on."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    "link",
    [
        "#k-steps?act=logistic&w=2",
        # the same on a page of two sections
        "#k-steps?act=logistic&amp;w=2&amp;section=two-steps,k-steps",
        "?act=logistic&amp;w=2&amp;section=two-steps,k-steps#k-steps",
        "?ACT=Logistic#k-steps&W=2&SECTION=two-steps,k-steps",
        "?w=2&amp;embed=true&amp;section=two-steps,k-steps#k-steps?act=logistic",
    ],
)
def test_a_link_in_another_spelling_opens_what_it_means_and_says_so(open_page, link: str):
    tab = open_page(link, near=False, settle=False)
    # the page goes to the address that is meant, and may have drawn the note before it does
    tab.page.wait_for_function("!/#.*[?&]/.test(performance.getEntriesByType('navigation')[0].name)")
    note = tab.page.get_by_text("Some of this link could not be used as it is")
    expect(note).to_be_visible()
    expect(note).to_contain_text("otherwise")
    tab.settle()
    address = urlsplit(tab.page.url)
    found = parse_qs(address.query)
    asked = {"embed": ["true"], "section": ["two-steps,k-steps"]}
    assert found == {"act": ["logistic"], "w": ["2"]} | {name: asked[name] for name in asked if name in link.lower()}
    expect(tab.page.locator("#k-steps")).to_be_in_viewport()
