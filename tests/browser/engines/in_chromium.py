"""Chromium, driven by Playwright."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Error

from tests.browser.engines.engine import PATIENCE_SECONDS


class InChromium:
    """One tab of Chromium."""

    def __init__(self, browser: Browser, downloads: Path) -> None:
        self._context = browser.new_context()
        self._page = self._context.new_page()
        self._page.set_default_timeout(PATIENCE_SECONDS * 1000)
        self._downloads = downloads
        self._errors: list[str] = []
        self._page.on("console", lambda said: said.type == "error" and self._errors.append(said.text))
        self._page.on("pageerror", lambda error: self._errors.append(str(error)))

    def close(self) -> None:
        self._context.close()

    def prefer(self, scheme: str) -> None:
        self._page.emulate_media(color_scheme=scheme)

    def resize(self, width: int, height: int) -> None:
        self._page.set_viewport_size({"width": width, "height": height})

    def open(self, address: str) -> None:
        self._page.goto("about:blank")
        self._page.goto(address, wait_until="commit")

    def evaluate(self, function: str, *arguments: Any, frame: str = "") -> Any:
        within = self._page.main_frame
        if frame:
            within = self._page.locator(f"#{frame}").element_handle().content_frame()
        try:
            return within.evaluate(f"given => ({function})(...given)", list(arguments))
        except Error as error:
            if "context was destroyed" in error.message or "Frame was detached" in error.message:
                return None
            raise

    def point(self, x: float, y: float) -> None:
        self._page.mouse.move(x, y)

    def down(self) -> None:
        self._page.mouse.down()

    def up(self) -> None:
        self._page.mouse.up()

    def key_down(self, key: str) -> None:
        self._page.keyboard.down(key)

    def key_up(self, key: str) -> None:
        self._page.keyboard.up(key)

    def saved(self, press: Callable[[], None]) -> Path:
        with self._page.expect_download() as coming:
            press()
        file = self._downloads / coming.value.suggested_filename
        coming.value.save_as(file)
        return file

    def on_paper(self) -> bytes | None:
        return self._page.pdf(format="A4")

    def errors(self) -> list[str]:
        self._page.wait_for_timeout(0)  # Playwright hears what has been said meanwhile
        said, self._errors = self._errors, []
        return said

    def screenshot(self) -> bytes:
        return self._page.screenshot()
