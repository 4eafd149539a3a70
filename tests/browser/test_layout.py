"""The page fits: every section in both themes, from a desk's screen to the narrowest phone, and on paper.

The tests of a file share its tabs: one as on a desk, which is made narrower, and one as on a phone, which is made
wider. They run from top to bottom, since at each new size or theme every chart is drawn anew.
"""

from __future__ import annotations

import re

import pytest

from explainer.lesson import SECTIONS
from explainer.page.server import STYLESHEETS

pytestmark = pytest.mark.browser

DESK, PHONE = "desk", "phone"
DEVICES = {DESK: {}, PHONE: {"has_touch": True, "is_mobile": True}}
NARROWEST, WIDEST = ("dark", PHONE, 360, 740), ("light", DESK, 1280, 900)
THUMBS = ("light", PHONE, 390, 844)
# From one to the next either the theme changes or the width. In the dark nothing but colours differs: there the
# narrowest and the widest.
SIZES = (
    NARROWEST,
    ("light", PHONE, 360, 740),
    THUMBS,
    ("dark", DESK, 1280, 900),
    WIDEST,
    ("light", DESK, 768, 1024),
)


@pytest.fixture(scope="module")
def resized(open_shared_page):
    """``resized("dark", PHONE, 360, 740)``: the page in a theme, on a device, made so wide and high, and drawn.

    ``resized.matched[NARROWEST]`` are the stylesheet's selectors that match something there.
    """
    tabs = {}

    def at(scheme: str, device: str, width: int, height: int):
        if device not in tabs:
            tabs[device] = open_shared_page(width=width, height=height, color_scheme=scheme, **DEVICES[device])
        tab = tabs[device]
        tab.wear(scheme)
        if tab.page.viewport_size != {"width": width, "height": height}:
            tab.page.set_viewport_size({"width": width, "height": height})
        if width <= 768:  # Streamlit folds its sidebar away a moment later
            tab.page.wait_for_selector("[data-testid=stSidebar][data-collapsed=true]", state="attached")
        fitted(tab)
        at.matched[scheme, device, width, height] = set(_matching(tab, SELECTORS))
        return tab

    at.matched = {}
    return at


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}-{size[2]}", scope="module")
def sized(request, resized):
    """The page at one of the sizes."""
    return resized(*request.param)


def fitted(tab) -> None:
    """Wait until every chart has been drawn for the width that it now has."""
    tab.page.wait_for_function(
        """() => [...document.querySelectorAll('[data-testid=stVegaLiteChart]')].every(chart => {
            const drawn = chart.querySelector('svg.marks')?.clientWidth;
            return ['stVerticalBlock', 'stElementContainer'].some(
                id => Math.abs(chart.closest(`[data-testid=${id}]`).clientWidth - drawn) <= 2);
        })"""
    )
    tab.settle()


def sections_of(tab) -> list[dict]:
    """Of each section: whether its headings are seen, how large its charts are, and the lines around its slips."""
    return tab.page.evaluate(
        """slugs => slugs.map(slug => {
            const part = document.querySelector(`.st-key-section-${slug}`);
            const size = one => [one.getBoundingClientRect().width, one.getBoundingClientRect().height];
            const isSeen = one => one.checkVisibility({visibilityProperty: true}) && size(one).every(side => side > 0);
            const charts = [...part.querySelectorAll('[data-testid=stVegaLiteChart]')];
            return {
                headings: [...part.querySelectorAll('h2:not([aria-hidden=true] *)')].map(isSeen),
                charts: charts.map(size),
                seen: charts.map(isSeen),
                slips: [...part.querySelectorAll(`.st-key-slip-${slug}`)].map(
                    one => getComputedStyle(one).borderTopWidth),
            };
        })""",
        [section.slug for section in SECTIONS],
    )


# --- at every width -----------------------------------------------------------------------------------------


def test_the_page_does_not_scroll_sideways(sized):
    assert not sized.overflows_sideways()
    # the page scrolls within one element, and what is in it may not make it scroll sideways either
    wide = sized.page.evaluate(
        """() => [...document.querySelectorAll('[data-testid=stMain], [data-testid=stMain] *')].filter(
            one => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0
                && ['auto', 'scroll'].includes(getComputedStyle(one).overflowX)
                && !one.matches('.katex-display')  // a long equation scrolls within itself
        ).map(one => `${one.dataset.testid ?? one.className}: ${one.scrollWidth} > ${one.clientWidth}`)"""
    )
    assert "\n".join(wide) == ""


def test_no_chart_is_wider_than_the_screen_and_nothing_in_it_is_cut_off(sized):
    cut = sized.page.evaluate(
        """() => [...document.querySelectorAll('[data-testid=stVegaLiteChart]')].flatMap(chart => {
            const frame = chart.querySelector('svg.marks').getBoundingClientRect();
            const out = [...chart.querySelectorAll('svg.marks text')].filter(text => {
                const box = text.getBoundingClientRect();
                return text.textContent && box.width && (
                    box.left < frame.left - 3 || box.right > frame.right + 3
                    || box.top < frame.top - 3 || box.bottom > frame.bottom + 3
                );
            }).map(text => `${chart.ariaLabel}: ${text.textContent}`);
            const wide = frame.left < -1 || frame.right > innerWidth + 1;
            return wide ? [`${chart.ariaLabel}: from ${frame.left} to ${frame.right}`, ...out] : out;
        })"""
    )
    assert "\n".join(cut) == ""


def test_no_two_texts_of_a_chart_overlap(sized):
    overlapping = sized.page.evaluate(
        """() => [...document.querySelectorAll('[data-testid=stVegaLiteChart]')].flatMap(chart => {
            const texts = [...chart.querySelectorAll('svg.marks text')].filter(
                text => text.textContent.trim() && text.getAttribute('opacity') != '0'
            ).map(text => [text.textContent, text.getBoundingClientRect()]).filter(([_, box]) => box.width);
            return texts.flatMap(([one, a], i) => texts.slice(i + 1).filter(([_, b]) =>
                // a line's box is higher than its letters
                Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
                && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 5
            ).map(([other, _]) => `${chart.ariaLabel}: "${one}" and "${other}"`));
        })"""
    )
    assert "\n".join(overlapping) == ""


def test_no_two_elements_overlap(sized):
    overlapping = sized.page.evaluate(
        """() => {
            const holder = '[data-testid=stElementContainer]';
            const leaves = [...document.querySelectorAll(`[data-testid=stMain] ${holder}`)].filter(
                one => !one.querySelector(holder) && one.checkVisibility()
                    && !one.closest('.st-key-status-bar')  // it floats above the rest
            ).map(one => [one, one.getBoundingClientRect()]).filter(([_, box]) => box.width > 1 && box.height > 1);
            return leaves.flatMap(([one, a], i) => leaves.slice(i + 1).filter(([_, b]) =>
                Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
                && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1
            ).map(([other, _]) => `${one.innerText.slice(0, 60)} | ${other.innerText.slice(0, 60)}`));
        }"""
    )
    assert "\n".join(overlapping) == ""


def test_every_section_is_to_be_seen(sized):
    for section in sections_of(sized):
        assert section["headings"] == [True]
        for width, height in section["charts"]:
            assert width > 150
            assert height > 100
        assert section["slips"] == ["1px"]  # a receipt is set apart


# --- under a thumb ------------------------------------------------------------------------------------------


# The things that a thumb misses within 44 pixels around their middle, and how far it may miss them.
SMALL = """inside => {
    const hits = (one, x, y) => one.contains(document.elementFromPoint(x, y));
    const reach = (one, x, y, dx, dy) => {
        let far = 0;
        while (far < 44 && hits(one, x + dx * (far + 1), y + dy * (far + 1))) far++;
        return far;
    };
    // 44 pixels in a row; a thing of just this size ends before the pixel 22 to its middle's right
    const enough = [[-22, -11, 0, 11, 21], [-21, -11, 0, 11, 22]];
    const across = (one, x, y, dx, dy) =>
        enough.some(row => row.every(far => hits(one, x + far * dx, y + far * dy)))
            ? 44 : reach(one, x, y, -dx, -dy) + 1 + reach(one, x, y, dx, dy);
    const things = 'button, summary, [data-testid=stRadioOption], [data-testid=stSlider] [role=group]';
    const within = document.querySelector(inside);
    const { top, bottom } = within.getBoundingClientRect();
    const isInside = box => box.top > Math.max(top, 0) + 150 && box.bottom < Math.min(bottom, innerHeight) - 50;
    return [...within.querySelectorAll(things)].filter(
        one => one.checkVisibility() && !one.closest('[data-testid=stElementToolbarButton]')  // a pointer's: it hides
    ).flatMap(one => {
        if (!isInside(one.getBoundingClientRect())) one.scrollIntoView({block: 'center', behavior: 'instant'});
        const box = one.getBoundingClientRect(), x = box.left + box.width / 2, y = box.top + box.height / 2;
        const width = across(one, x, y, 1, 0), height = across(one, x, y, 0, 1);
        const name = one.ariaLabel ?? one.innerText.split('\\n').pop();
        return width < 44 || height < 44 ? [`${name}: ${width} x ${height}`] : [];
    });
}"""


def test_what_a_thumb_has_to_hit_is_44_pixels_high_and_wide(resized):
    tab = resized(*THUMBS)
    small = tab.page.evaluate(SMALL, "[data-testid=stHeader]") + tab.page.evaluate(SMALL, "[data-testid=stMain]")
    tab.page.get_by_test_id("stExpandSidebarButton").click()
    tab.page.wait_for_function(
        "document.querySelector('[data-testid=stSidebar]').getBoundingClientRect().bottom <= innerHeight + 1"
    )
    small += tab.page.evaluate(SMALL, "[data-testid=stSidebar]")
    sidebar = tab.page.get_by_test_id("stSidebarContent")
    assert sidebar.evaluate("one => one.scrollWidth <= one.clientWidth + 1")
    tab.page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").click()
    tab.page.get_by_test_id("stExpandSidebarButton").wait_for()
    assert "\n".join(dict.fromkeys(small)) == ""


# --- on paper -----------------------------------------------------------------------------------------------


@pytest.fixture
def printed(resized):
    """The page as it goes to paper."""
    tab = resized("light", DESK, 768, 1024)
    tab.page.emulate_media(media="print")
    tab.page.set_viewport_size({"width": 800, "height": 1100})
    fitted(tab)
    yield tab
    tab.page.emulate_media(media="screen")


def test_the_printed_page_has_every_section_and_no_control(printed):
    for section in sections_of(printed):
        assert section["headings"] == [True]
        assert all(section["seen"])
    assert not printed.overflows_sideways()
    seen = printed.page.evaluate(
        """() => [...document.querySelectorAll(
            'button, input, [role=slider], [role=radiogroup], [data-testid=stSidebar], [data-testid=stHeader]'
        )].filter(one => one.checkVisibility({visibilityProperty: true, opacityProperty: true})
            && one.getBoundingClientRect().height > 1
        ).map(one => `${one.tagName} ${one.dataset.testid ?? ''} ${one.ariaLabel ?? one.innerText.slice(0, 40)}`)"""
    )
    assert "\n".join(sorted(set(seen))) == ""
    # the sheet holds the whole lesson: nothing is left in an element that scrolls on a screen
    cut = printed.page.evaluate(
        """() => [...document.querySelectorAll('#root *')].filter(
            one => one.scrollHeight > one.clientHeight + 2 && one.clientHeight > 100
                && getComputedStyle(one).overflowY != 'visible'
        ).map(one => `${one.dataset.testid ?? one.className}: ${one.scrollHeight} > ${one.clientHeight}`)"""
    )
    assert "\n".join(cut) == ""
    assert pages_of(printed.page.pdf(format="A4")) >= len(SECTIONS)


def pages_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))


# --- the stylesheet -----------------------------------------------------------------------------------------


def selectors(stylesheet: str) -> list[str]:
    """Every selector of a stylesheet of rules and at-rules, without what depends on the moment (`:hover`)."""
    text = re.sub(r"/\*.*?\*/", "", stylesheet, flags=re.DOTALL)
    preludes = re.findall(r"([^{}]+)\{", text)
    parts = [part for prelude in preludes if not prelude.strip().startswith("@") for part in _split(prelude)]
    moment = (
        r"::[\w-]+|\[data-behind\]|:not\(\[data-(?:away|dismissed)\]\)|\[data-route=\"short\"\] "
        r"|:(?:hover|focus-visible|focus-within|focus|active|checked)\b"
    )
    return [left for part in parts if (left := re.sub(moment, "", part).strip())]


def _split(prelude: str) -> list[str]:
    """A list of selectors, at the commas that stand outside of parentheses and brackets."""
    depth, parts = 0, [""]
    for letter in prelude:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


SELECTORS = [one for sheet in STYLESHEETS for one in selectors(sheet.read_text(encoding="utf-8"))]


def test_selectors_are_found_in_a_stylesheet():
    stylesheet = "/* a { */ .a:is(p, ol) > b,\n[c='1,2']:hover {} @media print { .d::before { top: 0 } }"
    assert selectors(stylesheet) == [".a:is(p, ol) > b", "[c='1,2']", ".d"]


@pytest.fixture(scope="module")
def alone(open_shared_page):
    """One section with one control, as soon as its document is there."""
    return open_shared_page("?section=one-step&controls=w", settle=False)


def test_the_style_sheet_is_there_once_and_from_the_beginning(alone):
    tab = alone
    places = """() => [...document.querySelectorAll("style")]
        .filter((one) => one.textContent.includes(".button-note {"))
        .map((one) => one.parentElement.tagName)"""
    assert tab.page.evaluate(places) == ["BODY"]
    tab.settle()
    assert tab.page.evaluate(places) == ["BODY"]


def test_every_selector_of_the_stylesheet_matches_something(open_page, resized, alone):
    wanted = SELECTORS
    assert wanted
    for size in (NARROWEST, WIDEST):  # on the narrowest the sidebar is folded away
        if size not in resized.matched:
            resized(*size)
    alone.settle()
    matched = resized.matched[NARROWEST] | resized.matched[WIDEST] | set(_matching(alone, wanted))
    tab = open_page("?h0=0.505", near=False)  # with a note on the link, and then with an answer
    first = f"[data-testid=stVerticalBlock]:has(> .st-key-answer-{SECTIONS[0].slug})"
    matched |= set(_matching(tab, wanted))
    tab.page.locator(first).get_by_role("radio").first.focus()
    tab.page.keyboard.press("Space")
    tab.page.wait_for_selector(f"{first} [data-testid=stMarkdown] >> nth=1")
    tab.settle()
    matched |= set(_matching(tab, wanted))
    tab.page.locator(".st-key-presets summary").click()
    tab.page.wait_for_selector(".st-key-presets a")
    matched |= set(_matching(tab, wanted))
    tab.come_near("does-it-learn")  # where the bar says something else
    tab.page.wait_for_selector(".st-key-status-bar[data-says]")
    matched |= set(_matching(tab, wanted))
    tab.come_near(SECTIONS[0].slug)
    _keep_matching(tab, wanted)  # what is out of sight waits for a moment, which may be short
    tab.focus_control("w")
    tab.slider("w").press("ArrowRight")
    tab.page.wait_for_function("() => [...seen].some(selector => selector.includes('aria-busy'))")
    tab.settle()
    matched |= set(tab.page.evaluate("[...seen]"))
    # seen in test_faults, test_frames, test_tall_frames, test_grips and test_undocumented_in_browsers
    elsewhere = {
        ".lost > :not(.lost-words)",
        ".button-note",
        'body[data-framed] > [data-testid="stDialog"]',
        "[data-dragging]",
        '[data-testid="stSkeleton"]',
    }
    assert [selector for selector in wanted if selector not in matched | elsewhere] == []


def _keep_matching(tab, wanted: list[str]) -> None:
    """Collect in the page's ``seen`` what matches at any moment from now on while something is busy."""
    tab.page.evaluate(
        """wanted => {
            window.seen = new Set();
            const look = () => wanted.filter(one => !seen.has(one) && document.querySelector(one))
                .forEach(one => seen.add(one));
            new MutationObserver(look).observe(
                document.body, {subtree: true, attributes: true, attributeFilter: ['aria-busy']});
        }""",
        [selector for selector in wanted if "aria-busy" in selector],
    )


def _matching(tab, wanted: list[str]) -> list[str]:
    return tab.page.evaluate("wanted => wanted.filter(selector => document.querySelector(selector))", wanted)
