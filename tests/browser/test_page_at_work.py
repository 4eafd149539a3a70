"""The page at work in a browser: what moves when a reader points, presses and chooses, and what must not move.

Most tests share one tab and run from top to bottom; errors in its console fail the last of them.
"""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg

from explainer.choices.controls import CONTROL, Choice, Control, Several
from explainer.choices.presets import PRESETS
from explainer.choices.settings import Settings
from explainer.lesson import SECTIONS
from tests.browser.conftest import wait_until
from tests.facts import fact

pytestmark = pytest.mark.browser

MAPS = "vanish-or-explode"
WALKED = next(section.slug for section in SECTIONS if section.plots[0].walk)


@pytest.fixture(scope="module")
def reader(open_shared_page):
    """A reader's tab, opened by a link with a value between two steps, so that there is a note to begin with.

    Drawn are the first sections and those that the tests look at.
    """
    tab = open_shared_page("?h0=0.505", near=False)
    for slug in (WALKED, MAPS, "k-steps"):
        tab.come_near(slug)
    return tab


class Sent:
    """Keeps what the page sends to its server: each run of the script is asked for in such a message."""

    def __init__(self, page):
        self.messages: list[BackMsg] = []
        self._session = page.context.new_cdp_session(page)
        self._session.on("Network.webSocketFrameSent", self._keep)
        self._session.send("Network.enable")

    def _keep(self, frame: dict) -> None:
        message = BackMsg()
        message.ParseFromString(base64.b64decode(frame["response"]["payloadData"]))
        self.messages.append(message)


def assert_has_sent_nothing(tab, sent: Sent) -> None:
    """Walk one step along a product: the first message of all is the one that says so."""
    chart = tab.charts(WALKED).first
    before = tab.drawing(chart)
    tab.slider(f"walk-{WALKED}").press("ArrowRight")
    tab.wait_until_redrawn(chart, before)
    said = [one for one in sent.messages[0].rerun_script.widget_states.widgets if one.id.endswith(f"-walk-{WALKED}")]
    step = float(tab.slider(f"walk-{WALKED}").get_attribute("aria-valuetext"))
    assert [one.double_array_value.data[0] for one in said] == [step]


def query(tab) -> dict[str, list[str]]:
    return parse_qs(urlsplit(tab.page.url).query)


# --- what stands still --------------------------------------------------------------------------------------


def test_a_moved_control_redraws_charts_in_place_also_when_the_note_leaves(reader):
    page, central = reader.page, reader.charts("k-steps").first
    note = page.get_by_test_id("stAlert")
    assert note.count() == 1
    before = reader.drawing(central)
    page.evaluate("document.querySelectorAll('svg.marks').forEach(svg => svg.dataset.before = 'yes')")
    charts = reader.charts().count()
    reader.slider("w").press("ArrowRight")
    assert reader.wait_until_redrawn(central, before) != before
    assert note.count() == 0
    torn = reader.charts().evaluate_all(
        "charts => charts.filter(chart => !chart.querySelector('svg.marks[data-before]')).map(chart => chart.ariaLabel)"
    )
    assert torn == []
    assert reader.charts().count() == charts


def test_a_product_is_walked_by_keyboard_and_nothing_else_moves(reader):
    slug, others = WALKED, [one.slug for one in SECTIONS if one.slug != WALKED and reader.charts(one.slug).count()]
    assert {MAPS, "k-steps"} < set(others)
    chart = reader.charts(slug).first
    said = reader.page.locator(f".st-key-section-{slug}").get_by_text("Step 0 of")
    said.wait_for()
    before, elsewhere = reader.drawing(chart), [reader.drawing(reader.charts(other).first) for other in others]
    reader.slider(f"walk-{slug}").press("ArrowRight")
    first = reader.wait_until_redrawn(chart, before)
    reader.slider(f"walk-{slug}").press("ArrowRight")
    assert reader.wait_until_redrawn(chart, first) not in (before, first)
    reader.page.locator(f".st-key-section-{slug}").get_by_text("Step 2 of").wait_for()
    assert [reader.drawing(reader.charts(other).first) for other in others] == elsewhere


def test_pointing_at_a_map_draws_its_slice_without_a_run(reader):
    for chart in reader.charts(MAPS).all()[:2]:  # what is near them has been drawn before anything is pointed at
        chart.scroll_into_view_if_needed()
        reader.settle()
    sent = Sent(reader.page)
    for chart, symbol in zip(reader.charts(MAPS).all()[:2], "wf", strict=True):
        chart.scroll_into_view_if_needed()
        reader.page.mouse.move(1, 1)
        before = reader.drawing(chart)
        cells = chart.locator(".mark-rect path").all()
        assert len(cells) > 1_000
        slices = []
        for cell in (cells[len(cells) // 3], cells[-len(cells) // 3]):
            cell.hover(force=True)
            slices.append(wait_for_a_slice(reader, chart, symbol, before, *slices))
        assert slices[0] != slices[1]
    assert_has_sent_nothing(reader, sent)


def wait_for_a_slice(tab, chart, symbol: str, *others: list[str]) -> list[str]:
    """Wait until the map shows a slice's line and its label, and none of these; what it shows then."""

    def drawn() -> list[str]:
        return [mark for mark in tab.drawing(chart) if mark not in others[0]]

    def holds() -> bool:
        return len(drawn()) >= 2 and any(f"{symbol} = " in mark for mark in drawn()) and drawn() not in others[1:]

    wait_until(tab.page, holds, "no slice of its own is drawn")
    return drawn()


def test_another_theme_recolours_the_charts_without_a_run(reader):
    reader.come_near("k-steps")
    sent = Sent(reader.page)
    text = ".st-key-section-k-steps svg.marks text"
    light = reader.page.locator(text).first.evaluate("text => getComputedStyle(text).fill")
    reader.page.emulate_media(color_scheme="dark")
    reader.page.wait_for_function(
        "([text, light]) => getComputedStyle(document.querySelector(text)).fill != light", arg=[text, light]
    )
    reader.settle()
    assert_has_sent_nothing(reader, sent)


def test_a_preset_moves_every_control_and_figure_and_reset_takes_it_back(reader):
    preset = next(preset for preset in PRESETS if preset.settings.w != Settings().w)
    status, chart = reader.page.get_by_role("status").first, reader.charts("k-steps").first
    said, before = status.inner_text(), reader.drawing(chart)
    w = CONTROL["w"]
    reader.page.locator(".st-key-presets summary").click()
    reader.page.get_by_role("button", name=preset.name, exact=True).click()
    reader.wait_until_redrawn(chart, before)
    assert reader.slider("w").get_attribute("aria-valuetext") == w.text(preset.settings.w)
    assert parse_qs(urlsplit(reader.page.url).query)["w"] == [w.text(preset.settings.w)]
    followed = status.inner_text()
    assert followed != said
    before = reader.drawing(chart)
    reader.page.locator(".st-key-reset button").click()
    reader.wait_until_redrawn(chart, before)
    assert reader.slider("w").get_attribute("aria-valuetext") == w.text(Settings().w)
    assert status.inner_text() != followed
    reader.page.locator(".st-key-presets summary").click()


@fact("an entry for each value")
def test_a_preset_keeps_the_section_in_the_address_and_one_step_back_undoes_it(open_page):
    tab = open_page("?w=1.5&k=20#two-steps", near=False)
    preset = next(preset for preset in PRESETS if len(preset.changes) > 2)
    tab.page.locator(".st-key-presets summary").click()
    tab.page.get_by_role("button", name=preset.name, exact=True).click()

    def shows(settings: Settings) -> bool:
        url = urlsplit(tab.page.url)
        said = [tab.slider(name).get_attribute("aria-valuetext") for name in ("w", "k")]
        wanted = [CONTROL[name].text(getattr(settings, name)) for name in ("w", "k")]
        return parse_qs(url.query) == settings.to_query() and url.fragment == "two-steps" and said == wanted

    wait_until(tab.page, lambda: shows(preset.settings), "the preset is not taken, or the section has gone")
    tab.settle()
    tab.page.go_back()
    wait_until(tab.page, lambda: shows(Settings(w=1.5, k=20)), "one step back does not undo it")
    tab.settle()
    assert tab.page.evaluate("() => told.query") == Settings(w=1.5, k=20).to_query()


# --- the way through the page -------------------------------------------------------------------------------


def test_an_address_from_before_a_move_is_put_right_also_if_the_reader_goes_on_at_once(reader):
    reader.page.evaluate(
        """() => {
            const written = new URL(location.href);
            written.searchParams.set("w", "1.3");
            history.replaceState(history.state, "", written);  // as Streamlit does with what was sent before the move
            dispatchEvent(new CustomEvent("explainer-hello"));  // says the last answer again
            document.body.dispatchEvent(new PointerEvent("pointerdown"));
        }"""
    )
    assert "w=1.3" in reader.page.url
    reader.page.wait_for_url(lambda address: "w=" not in address)


def test_the_contents_lead_to_every_section_and_stay_reachable(reader):
    sections = [f"#{section.slug}" for section in SECTIONS]
    contents = reader.page.locator(".contents > summary")
    for section in (SECTIONS[-1], SECTIONS[len(SECTIONS) // 2]):
        slug = section.slug
        assert contents.is_visible()
        contents.click()
        links = reader.page.locator(".contents a")
        assert all(link.is_visible() for link in links.all())
        anchors = [link.get_attribute("href") for link in links.all()]
        assert [anchor for anchor in anchors if anchor in sections] == sections
        reader.page.locator(f".contents a[href='#{slug}']").click()
        reader.page.wait_for_function(
            """slug => {
                const {top, bottom} = document.getElementById(slug).getBoundingClientRect();
                return top >= 0 && bottom <= innerHeight;
            }""",
            arg=slug,
        )
        assert not links.first.is_visible()
        # the status line floats above the text; it may not cover the heading that the reader asked for
        heading = reader.page.locator(f"#{slug}").bounding_box()
        bar = reader.page.locator(".st-key-status-bar").bounding_box()
        assert heading["y"] >= bar["y"] + bar["height"] - 1


# --- controls, the URL and the network ----------------------------------------------------------------------


def move(tab, control: Control, settings: Settings) -> Settings:
    """Give a control another value as a reader does, and say which state that makes."""
    tab.page.evaluate("document.querySelectorAll('.group').forEach(fold => (fold.open = true))")
    value = getattr(settings, control.name)
    widget = tab.page.locator(f".st-key-{control.name}")
    if isinstance(control, Choice | Several):
        values = control.values
        other = next(name for name in values if name != value and name not in value)
        widget.get_by_role("radio" if isinstance(control, Choice) else "button", name=other, exact=True).click()
        chosen = other if isinstance(control, Choice) else tuple(name for name in values if name in (*value, other))
        return settings.replace(**{control.name: chosen})
    place = control.values.index(value)
    up = place + 1 < len(control.values)
    tab.slider(control.name).press("ArrowRight" if up else "ArrowLeft")
    return settings.replace(**{control.name: control.values[place + 1 if up else place - 1]})


# One control of each kind and group; that every control is bound to its parameter is tested without a browser.
MOVED = tuple(CONTROL[name] for name in ("h0", "act", "w", "gate", "f", "nets", "bf"))


def test_controls_stand_in_the_url_and_a_reload_opens_the_same_state_from_this_machine_alone(
    open_page, served_page: str
):
    tab, settings = open_page(near=False), Settings()
    for control in MOVED:
        settings = move(tab, control, settings)
        tab.page.wait_for_function("name => new URLSearchParams(location.search).has(name)", arg=control.name)
    tab.settle()
    wait_until(tab.page, lambda: query(tab) == settings.to_query(), "the address does not say the state")

    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    tab.page.on("websocket", lambda socket: asked.append(socket.url))
    tab.page.reload()
    tab.settle()
    assert query(tab) == settings.to_query()
    for control in MOVED:
        if not isinstance(control, Choice | Several):
            shown = tab.slider(control.name).get_attribute("aria-valuetext")
            assert shown == control.text(getattr(settings, control.name))

    # a scroll to the end, so that whatever waits to be seen is asked for too
    tab.page.locator("#references").scroll_into_view_if_needed()
    tab.settle()
    here = urlsplit(served_page).netloc
    assert len(asked) > 10
    assert [url for url in asked if urlsplit(url).scheme not in {"http", "ws", "data", "blob"}] == []
    assert [url for url in asked if urlsplit(url).netloc not in {here, ""}] == []

    tab.page.get_by_role("button", name="Reset everything").click()
    tab.page.wait_for_function("location.search == ''")
    tab.settle()


def test_the_page_works_within_another_page(open_page):
    tab = open_page("?embed=true&w=1.2", near=False)
    assert tab.page.get_by_test_id("stSidebar").count() == 0  # an iframe has no room for it
    assert tab.slider("w").get_attribute("aria-valuetext") == "1.2"
    for section in SECTIONS:
        assert tab.page.locator(f"#{section.slug}").is_visible()
    assert query(tab) == {"embed": ["true"], "w": ["1.2"]}
    assert not tab.overflows_sideways()


# --- work that takes longer ---------------------------------------------------------------------------------


def test_training_is_watched_until_it_is_done(open_page):
    section = next(section for section in SECTIONS if section.work)
    slug = section.slug
    tab = open_page(f"?section={slug}&tk=10&tn=1")
    chart = tab.charts(slug).first
    empty = tab.drawing(chart)
    tab.page.locator(f".st-key-train-{slug} button").click()
    tab.wait_until_redrawn(chart, empty)
    tab.page.locator(f".st-key-section-{slug} table").wait_for()
    tab.settle()
    assert tab.page.locator(f".st-key-stop-{slug} button").is_disabled()
    assert len([mark for mark in tab.drawing(chart) if mark not in empty]) >= 4  # a curve for each network
