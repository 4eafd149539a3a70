"""Sections in a frame as tall as its content: nothing in it moves the course page, and nothing opens out of sight."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Frame, FrameLocator, Page, WebSocketRoute, expect
from streamlit.proto.BackMsg_pb2 import BackMsg

from tests.browser.conftest import PATIENCE_MILLISECONDS, wait_until, wait_until_settled
from tests.browser.test_take import served

pytestmark = pytest.mark.faults
ROOT = Path(__file__).parents[2]
COURSE = ROOT / "examples" / "course_page.html"
SECTION = "k-steps"
OPENER, BOX = f".st-key-embed-{SECTION} button", f".st-key-in-place-embed-{SECTION}"
LINK = "after the lesson"

# a dialog of Streamlit's own, as that of a lost connection: over the whole frame, and in its middle
DIALOG = """() => {
    const whole = document.createElement("div");
    whole.dataset.testid = "stDialog";
    whole.style.cssText = "position: fixed; inset: 0; display: flex; align-items: start; justify-content: center";
    whole.innerHTML = "<section role=dialog style='background: white'>Nobody answers.</section>";
    document.body.append(whole);
}"""


# a script gives an element the focus; what Playwright calls counts as a press, after which the page around may follow
FOCUS = """selector => {
    Object.defineProperty(navigator, "userActivation", { value: { isActive: false }, configurable: true });
    document.querySelector(selector).focus();
    delete navigator.userActivation;
}"""


# notes what is shown before the page keeps what is around its frame
EARLY = """window.early = [];
const show = Element.prototype.scrollIntoView;
Element.prototype.scrollIntoView = function (...how) {
    if (!document.body.dataset.framed) window.early.push(this.outerHTML.slice(0, 80));
    return show.apply(this, how);
};"""


@pytest.fixture(scope="module")
def course(chromium: Browser, served_page: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A course page with two sections in a frame that grows with them; its address names the second."""
    folder, example = tmp_path_factory.mktemp("course"), COURSE.read_text(encoding="utf-8")
    script = example[example.index("<script>") :]  # by which frames grow
    source = html.escape(f"{served_page}/?embed=true&section=one-step,{SECTION}#{SECTION}")
    plain = f"{served_page}/?section=one-step"
    (folder / "course.html").write_text(
        '<!DOCTYPE html><meta charset="utf-8"><title>Week 7</title><p style="height: 300px">Read chapter 16.</p>'
        f'<iframe id="lesson" title="lesson" style="width: 100%; height: 600px; border: 0" src="{source}"></iframe>'
        f'<p style="height: 1500px"><a href="#">{LINK}</a></p>'
        f'<iframe id="plain" title="plain" height="600" src="{plain}" loading="lazy"></iframe>{script}',
        encoding="utf-8",
    )
    with served(folder) as address:
        context = chromium.new_context(viewport={"width": 1000, "height": 900})
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.add_init_script("window.scrolls = 0; addEventListener('scroll', () => { scrolls += 1; })")
        page.add_init_script(EARLY)
        page.goto(f"{address}/course.html")
        wait_until_tall(page)
        yield page
        context.close()


@pytest.fixture
def inside(course: Page) -> FrameLocator:
    return course.frame_locator("#lesson")


def wait_until_tall(page: Page) -> None:
    main = page.frame_locator("#lesson").locator(".st-key-section-k-steps svg.marks").first
    main.wait_for()
    wait_until(page, lambda: page.locator("#lesson").bounding_box()["height"] > 2000, "the frame does not grow")


def lesson(page: Page) -> Frame:
    return page.locator("#lesson").element_handle().content_frame()


def press_embed_in_plain(page: Page) -> None:
    inside = page.frame_locator("#plain")
    inside.locator(".st-key-take-one-step summary").click()
    button = inside.locator(".st-key-embed-one-step button")
    button.wait_for()
    wait_until_settled(page.locator("#plain").element_handle().content_frame())
    button.click()


def without_presses(message: bytes) -> bytes:
    """The same message to the server, in which no button is pressed."""
    said = BackMsg.FromString(message)
    for widget in said.rerun_script.widget_states.widgets:
        widget.ClearField("trigger_value")
    return said.SerializeToString()


def is_in_sight(page: Page, box: dict) -> bool:
    return box["y"] >= 0 and box["y"] + box["height"] <= page.viewport_size["height"]


def test_a_section_in_the_address_of_a_frame_does_not_scroll_the_course_page(course: Page, inside: FrameLocator):
    assert lesson(course).evaluate("early") == []
    looked = "window.looks = 0; setInterval(() => { looks += 1; }, 250)"  # as often as the page looks where it stands
    lesson(course).evaluate(looked)
    inside.locator(f".st-key-section-{SECTION} details summary", has_text="Look closer").evaluate(
        "fold => fold.click()"
    )
    lesson(course).wait_for_function("looks > 4")
    lesson(course).evaluate(FOCUS, OPENER.replace("embed", "take").replace("button", "summary"))
    assert course.evaluate("[scrollY, window.scrolls, document.activeElement.id]") in ([0, 0, ""], [0, 0, "lesson"])


def test_nothing_opens_a_dialog_without_asking_whether_it_is_in_a_frame():
    page = (ROOT / "explainer" / "page").glob("*.py")
    assert [file.name for file in page if "st.dialog" in file.read_text(encoding="utf-8")] == ["pop_up.py"]


def test_in_a_frame_the_code_opens_in_place_and_escape_leads_back(course: Page, inside: FrameLocator):
    entries = course.evaluate("history.length")
    inside.locator(f".st-key-take-{SECTION} summary").click()
    inside.locator(OPENER).wait_for()
    wait_until_settled(lesson(course))  # what comes above the button moves it
    inside.locator(OPENER).focus()
    course.keyboard.press("Enter")
    box = inside.locator(BOX)
    expect(box.locator("code").first).to_contain_text(f"section={SECTION}")
    assert inside.get_by_role("dialog").count() == 0
    top = box.bounding_box()["y"]
    assert 0 < top < course.viewport_size["height"]
    expect(inside.locator(OPENER)).to_be_focused()
    expect(inside.locator(OPENER)).to_contain_text("Hide the code")
    box.get_by_text("none", exact=True).click()
    expect(box.locator("code").first).to_contain_text("controls=none")
    # it stays, and follows the controls
    inside.locator(".st-key-w [role=slider], .st-key-w input[type=range]").first.press("ArrowRight")
    expect(box.locator("code").first).to_contain_text("w=0.91")
    box.get_by_label("Title, for screen readers").press("Escape")
    expect(box).to_have_count(0)
    expect(inside.locator(OPENER)).to_be_focused()
    expect(inside.locator(OPENER)).to_contain_text("Embed")
    assert course.evaluate("history.length") == entries


def test_a_dialog_of_streamlits_own_stands_where_the_reader_looks(course: Page, inside: FrameLocator):
    course.evaluate("scrollTo(0, 1500)")
    lesson(course).evaluate(DIALOG)
    dialog = inside.get_by_text("Nobody answers.")
    wait_until(course, lambda: is_in_sight(course, dialog.bounding_box()), "the dialog is out of sight")
    course.evaluate("scrollTo(0, 500)")  # it comes along
    wait_until(course, lambda: is_in_sight(course, dialog.bounding_box()), "the dialog is left behind")
    dialog.evaluate("dialog => dialog.parentElement.remove()")
    course.evaluate("scrollTo(0, 0)")


def test_a_frame_swallows_no_scrolling_and_traps_no_key(course: Page, inside: FrameLocator):
    course.mouse.move(500, 850)

    def goes_on_at_the_end() -> bool:
        course.mouse.wheel(0, 200)
        return course.evaluate("scrollY") > 300

    wait_until(course, goes_on_at_the_end, "the frame keeps the scrolling for itself")
    inside.locator("a, button, summary, input").filter(visible=True).last.focus()
    after = course.get_by_role("link", name=LINK).and_(course.locator(":focus"))
    for _ in range(5):
        if not after.count():
            course.keyboard.press("Tab")
    expect(after).to_have_count(1)


def test_a_frame_without_embed_in_its_address_is_known_for_one(course: Page):
    course.locator("#plain").scroll_into_view_if_needed()
    inside = course.frame_locator("#plain")
    press_embed_in_plain(course)
    expect(inside.locator(".st-key-in-place-embed-one-step code").first).to_contain_text("section=one-step")
    assert inside.get_by_role("dialog").count() == 0


def test_what_is_pressed_before_the_server_knows_of_the_frame_opens_in_place(course: Page):
    unsaid = []  # the last message that should have said so, and where it goes

    def keep_frame_unsaid(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def pass_on(message: bytes) -> None:
            said = BackMsg.FromString(message)
            for widget in said.rerun_script.widget_states.widgets:
                state = json.loads(widget.json_value or "null")
                if isinstance(state, dict) and state.pop("framed", None):
                    widget.json_value = json.dumps(state)
                    unsaid[:] = [(server, without_presses(message))]
            server.send(said.SerializeToString())

        socket.on_message(pass_on)

    page = course.context.new_page()
    page.set_default_timeout(PATIENCE_MILLISECONDS)
    page.route_web_socket("**/_stcore/stream", keep_frame_unsaid)
    page.goto(course.url)
    wait_until_tall(page)
    page.locator("#plain").scroll_into_view_if_needed()
    inside = page.frame_locator("#plain")
    press_embed_in_plain(page)
    inside.locator("body > [data-testid=stDialog]").get_by_role("dialog").wait_for()  # where devices.css looks for it
    ((server, message),) = unsaid
    server.send(message)
    expect(inside.locator(".st-key-in-place-embed-one-step code").first).to_contain_text("section=one-step")
    expect(inside.get_by_role("dialog")).to_have_count(0)
    page.close()
