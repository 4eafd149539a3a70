"""A server that is far away: what a reader does before the answer comes is not lost, nor undone."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from explainer.choices.controls import CONTROL
from explainer.page import opening
from tests.browser.conftest import Tab, wait_until

pytestmark = pytest.mark.faults
FAR = 300  # milliseconds, one way
LONG = 6 * FAR  # to there and back three times: who is put back and forth shows it in that time

SECOND = {name: key for key, name in opening.SLIDERS.items()}  # the second slider of a control


def sliders(tab: Tab, names: list[str]) -> dict[str, list[str]]:
    """What the sliders of each control say."""
    keys = {name: [name, SECOND[name]] if name in SECOND else [name] for name in names}
    return {name: [tab.slider(key).get_attribute("aria-valuetext") for key in keys[name]] for name in names}


def texts(tab: Tab, names: list[str]) -> dict[str, list[str]]:
    """What the sliders of each control say, and the address."""
    asked = parse_qs(urlsplit(tab.page.url).query)
    return {name: [*said, *asked.get(name, [])] for name, said in sliders(tab, names).items()}


@pytest.fixture(scope="module")
def far(open_shared_page) -> Tab:
    tab = open_shared_page(near=False, width=1366, height=768, far=FAR)
    tab.page.evaluate("document.querySelectorAll('.group').forEach(fold => (fold.open = true))")
    return tab


def steps_later(name: str, steps: int) -> str:
    values = CONTROL[name].values
    return CONTROL[name].text(values[values.index(CONTROL[name].default) + steps])


@pytest.mark.parametrize(
    "keys",
    [
        ["opening-w"] * 6,
        ["w", "f", "k", "h0"],
        ["opening-f", "k", "opening-w", "h0"],
    ],
    ids=lambda keys: " ".join(dict.fromkeys(keys)),
)
@pytest.mark.parametrize("pause", [50, FAR + 100], ids=["at once", "as answers come"])
def test_moves_before_the_answer_all_arrive_and_stay(far, keys: list[str], pause: int):
    moved = [opening.SLIDERS.get(key, key) for key in keys]
    far.page.locator(".st-key-reset button").click()
    begin = {name: [steps_later(name, 0)] * (2 if name in SECOND else 1) for name in moved}
    wait_until(far.page, lambda: texts(far, moved) == begin, "the controls have not gone back")
    far.settle()
    for key in keys:
        far.slider(key).press("ArrowRight")
        far.page.wait_for_timeout(pause)
    expected = {name: [steps_later(name, moved.count(name))] * (3 if name in SECOND else 2) for name in moved}
    wait_until(far.page, lambda: texts(far, moved) == expected, f"{expected} never comes")
    far.page.wait_for_timeout(LONG)
    far.settle()
    assert sliders(far, moved) == {name: said[:-1] for name, said in expected.items()}
    # what the server writes into the address is mended a moment after its answer
    wait_until(far.page, lambda: texts(far, moved) == expected, "the address does not keep it")
