"""The page in Chromium, Firefox and WebKit: each check is written once for all; WebKit does not read the whole lesson.

Fixtures:
    engine: one of the browsers, for all of its checks; see ``engine.py`` for what it can do. Each is started once.
    reader: somebody who reads in it. Errors that are left in the console when a file ends fail its last check.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.engines.engine import Engine
from tests.browser.engines.in_chromium import InChromium
from tests.browser.engines.in_firefox import InFirefox
from tests.browser.engines.in_webkit import InWebKit
from tests.browser.engines.reader import Reader
from tests.browser.installed import CHROMIUM, ENGINES, FIREFOX

DESK = (1280, 900)


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A browser, as long as there are checks for it."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == CHROMIUM:
        browser = InChromium(request.getfixturevalue("chromium"), folder)
    elif request.param == FIREFOX:
        browser = InFirefox(folder)
    else:
        browser = InWebKit(folder)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def reader(engine: Engine) -> Iterator[Reader]:
    """A reader at a desk, in the light."""
    engine.prefer("light")
    engine.resize(*DESK)
    yield Reader(engine)
    assert engine.errors() == []
