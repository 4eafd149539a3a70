"""What a reader does on the page, in any engine."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from explainer.page.undocumented import VALUE_TEXT
from tests.browser.engines.engine import Engine, moments
from tests.browser.page_scripts import DRAWING, SETTLED

CHART = "[data-testid=stVegaLiteChart]"

# The middle of an element, in the window and in sight, while nothing opens or folds; the element is said by its
# selector, and where several match by a text in it.
MIDDLE = """(selector, text) => {
    const ends = (animation) => animation.effect.getComputedTiming().endTime !== Infinity;
    if (document.getAnimations().some(one => one.playState === "running" && ends(one))) return null;
    const found = [...document.querySelectorAll(selector)].find(one => one.textContent.includes(text));
    const box = () => found.getBoundingClientRect();
    if (!found || !box().width) return null;
    const isOut = box().top < 0.1 * innerHeight || box().bottom > 0.9 * innerHeight;
    if (isOut && window === top) {
        dispatchEvent(new Event("wheel"));  // a reader scrolls: the page no longer goes back to the section of its link
        found.scrollIntoView({ block: "center", behavior: "instant" });
    }
    const { left, top: above, width, height } = box();
    return [left + width / 2, above + height / 2];
}"""

HAS_POINTER = """(selector, text) =>
    [...document.querySelectorAll(selector)].find(one => one.textContent.includes(text))?.matches(":hover")"""


@dataclass
class Reader:
    """Somebody who reads the page.

    Attributes:
        engine: the browser.
        frame: the id of the frame in which the page stands; empty for a page that has the tab to itself.
    """

    engine: Engine
    frame: str = ""

    # --- what there is to see -------------------------------------------------------------------------------

    def evaluate(self, function: str, *arguments: Any) -> Any:
        """What a function in JavaScript returns, True for an element; None while there is no page yet."""
        plain = "(found) => found instanceof Element || (found ?? null)"
        guarded = f"(...given) => document.body ? ({plain})(({function})(...given)) : null"
        return self.engine.evaluate(guarded, *arguments, frame=self.frame)

    def wait_for(self, function: str, *arguments: Any, otherwise: str = "") -> Any:
        """Ask again and again until the function returns something that is true; that."""
        for _ in moments(otherwise or f"this is never true: {function}, with {arguments}"):
            if found := self.evaluate(function, *arguments):
                return found
        raise AssertionError

    def settle(self, held: bool = False) -> None:
        """Wait until the page has run and everything that is to be drawn is, as ``Tab.settle`` does."""
        self.evaluate("() => { window.settledFrames = 0; }")
        self.wait_for(SETTLED, held, otherwise="the page does not settle")

    def words(self, selector: str) -> str:
        """The text of the first element that matches, as it is to be seen."""
        return self.evaluate("selector => document.querySelector(selector)?.innerText", selector) or ""

    def drawing(self, slug: str, nth: int = 0) -> list[str]:
        """What a chart of a section shows."""
        chart = "document.querySelectorAll(`.st-key-section-${slug} " + CHART + "`)[nth]"
        return sorted(self.evaluate(f"(slug, nth) => ({DRAWING})({chart})", slug, nth) or [])

    def wait_until_redrawn(self, slug: str, before: list[str], nth: int = 0, held: bool = False) -> list[str]:
        """Wait until a chart shows something else than before, and settle; what it shows then."""
        for _ in moments(f"the chart of {slug} has not changed"):
            if self.drawing(slug, nth) != before:
                self.settle(held)
                return self.drawing(slug, nth)
        raise AssertionError

    def value(self, name: str) -> str:
        """What the slider of a control says."""
        return self.evaluate(
            "(name, said) => document.querySelector(`.st-key-${name} [${said}]`).getAttribute(said)", name, VALUE_TEXT
        )

    def query(self) -> dict[str, list[str]]:
        """The parameters in the address."""
        return parse_qs(urlsplit(self.evaluate("() => location.href")).query)

    def wait_for_query(self, **expected: str) -> None:
        """Wait until the address says this of these controls, and settle."""
        self.wait_for(
            "expected => Object.entries(expected).every("
            "([name, text]) => new URLSearchParams(location.search).get(name) === text)",
            expected,
        )
        self.settle()

    # --- where to look --------------------------------------------------------------------------------------

    def open(self, address: str) -> None:
        """Open the page, and wait until it has been drawn as far as it is in sight."""
        self.engine.open(address)
        self.settle()

    def come_near(self, slug: str) -> None:
        """Scroll to a section, and wait until it has been drawn."""
        self.evaluate(
            "slug => document.querySelector(`.st-key-section-${slug}`).scrollIntoView({ behavior: 'instant' })", slug
        )
        self.wait_for("slug => !document.querySelector(`.st-key-section-${slug} .undrawn`)", slug)
        self.settle()

    def come_near_everything(self) -> None:
        """Have every section drawn, as for printing."""
        self.evaluate("() => { dispatchEvent(new Event('beforeprint')); }")
        self.wait_for("() => !document.querySelector('.undrawn')", otherwise="not every section is drawn")
        self.settle()

    def look_at_chart(self, slug: str, nth: int = 0) -> None:
        """Have a chart of a section in sight as a whole, or as much of it as the window can show."""
        self.come_near(slug)
        self.evaluate(
            "(slug, nth, chart) => document.querySelectorAll(`.st-key-section-${slug} ${chart}`)[nth]"
            ".scrollIntoView({ block: 'center', behavior: 'instant' })",
            slug, nth, CHART,
        )  # fmt: skip
        self.settle()

    # --- pointer and keyboard -------------------------------------------------------------------------------

    def middle(self, selector: str, text: str = "") -> tuple[float, float]:
        """Where in the window an element is, once it is in sight and at rest there."""
        last = None
        for _ in moments(f"{selector} does not come to rest in sight"):
            place = self._in_window(self.evaluate(MIDDLE, selector, text))
            if place and place == last:
                return place
            last = place
        raise AssertionError

    def _in_window(self, place: list[float] | None) -> tuple[float, float] | None:
        """From pixels of the frame to pixels of the window, in which they are brought into sight."""
        if not place or not self.frame:
            return place and tuple(place)
        x, y = place
        left, above = self.engine.evaluate(
            """(frame, y) => {
                const place = () => document.getElementById(frame).getBoundingClientRect();
                if (place().top + y < 0.1 * innerHeight || place().top + y > 0.9 * innerHeight)
                    scrollBy({ top: place().top + y - innerHeight / 2, behavior: "instant" });
                return [place().left + document.getElementById(frame).clientLeft,
                    place().top + document.getElementById(frame).clientTop];
            }""",
            self.frame,
            y,
        )
        return left + x, above + y

    def click(self, selector: str, text: str = "") -> None:
        """Press the pointer on an element, once the browser says that it is there."""
        for _ in moments(f"the pointer does not come onto {selector}"):
            self.engine.point(*self.middle(selector, text))
            if self.evaluate(HAS_POINTER, selector, text):
                break
        self.engine.down()
        self.engine.up()

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        self.engine.key_down(key)
        self.engine.key_up(key)

    def focus(self, name: str) -> None:
        """Put the focus on the slider of a control, and wait until the page has answered to that."""
        self.evaluate(
            "key => document.querySelector(`${key} [role=slider], ${key} input[type=range]`).focus()",
            f".st-key-{name}",
        )
        self.settle()

    def grab(self, name: str) -> tuple[float, float]:
        """Rest on the slider's thumb until its sweep has come, and press; where the pointer is then."""
        place = self.middle(f".st-key-{name} [data-testid=stSlider] :has(> [data-testid=stSliderThumbValue])")
        self.engine.point(*place)
        self._wait_for_the_sweep(name)
        self.engine.point(*place)
        self.engine.down()
        return place

    def _wait_for_the_sweep(self, name: str) -> None:
        """Wait until a slider's sweep is there; on a busy machine the page may have given it up, and is asked again."""
        for count, _ in enumerate(moments(f"no sweep of {name} comes")):
            if self.evaluate("() => document.body.dataset.sweep") == name:
                break
            if count % 80 == 79:
                self.evaluate("() => document.activeElement.blur()")
                with contextlib.suppress(AssertionError):
                    self.focus(name)
        self.settle()
