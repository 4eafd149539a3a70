"""WebKitGTK, driven by selenium over its own WebDriver, on a screen that nobody sees."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import (
    NoSuchElementException,
    NoSuchFrameException,
    StaleElementReferenceException,
)
from selenium.webdriver.remote.command import Command
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service

from tests.browser import installed
from tests.browser.engines.engine import PATIENCE_SECONDS, ByActions, moments, newcomer

SCREEN = "1400x1200x24"

# WebKit's driver keeps no console, so the page keeps it, from the first moment at which the driver gets there.
LISTEN = """
    if (!window.errorsSoFar && location.href !== "about:blank") {
        window.errorsSoFar = [];
        const keep = (said) => errorsSoFar.push(String(said?.stack ?? said));
        const { error } = console;
        console.error = (...said) => (keep(said.join(" ")), error.apply(console, said));
        addEventListener("error", ({ error, message }) => message && keep(`${message} ${error?.stack ?? ""}`));
        addEventListener("unhandledrejection", ({ reason }) => keep(reason));
    }
"""
THE_DOCUMENT_HAS_LEFT = (NoSuchFrameException, NoSuchElementException, StaleElementReferenceException)
SAID = "() => (window.errorsSoFar ?? []).splice(0)"


class InWebKit(ByActions):
    """MiniBrowser, WebKitGTK's own browser. What a reader's system prefers it learns at its start alone."""

    def __init__(self, folder: Path) -> None:
        self._parts = installed.webkit()
        self._downloads = folder / "downloads"
        self._downloads.mkdir()
        (folder / "user-dirs.dirs").write_text(f'XDG_DOWNLOAD_DIR="{self._downloads}"\n')
        self._log = (folder / "webkit.log").open("wb")
        read, write = os.pipe()
        self._screen = subprocess.Popen(
            [self._parts.screen, "-displayfd", str(write), "-screen", "0", SCREEN, "-nolisten", "tcp"],
            pass_fds=[write],
            stderr=self._log,
        )
        os.close(write)
        with os.fdopen(read) as told:
            display = f":{told.readline().strip()}"
        self._environment = os.environ | {"DISPLAY": display, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        self._errors: list[str] = []
        self._size = (1280, 900)
        self._scheme, self._driver = "", None

    def _start(self, scheme: str) -> None:
        """Start the browser on a system that prefers this."""
        self._quit()
        options = Options()
        options.binary_location = self._parts.browser
        options.page_load_strategy = "none"
        options.add_argument("--automation")
        if scheme == "dark":
            options.add_argument("--dark-mode")
        service = Service(self._parts.driver, env=self._environment, log_output=self._log)
        with warnings.catch_warnings():  # selenium calls itself in a way that it advises against
            warnings.filterwarnings("ignore", "setting remote_server_addr", DeprecationWarning)
            self._driver = webdriver.WebKitGTK(options=options, service=service)
        self._driver.set_script_timeout(PATIENCE_SECONDS)
        self._scheme = scheme

    def _quit(self) -> None:
        if self._driver:
            self._errors += self.evaluate(SAID) or []
            self._driver.quit()
            self._driver = None

    def close(self) -> None:
        self._quit()
        self._screen.terminate()
        self._screen.wait()
        self._log.close()

    def prefer(self, scheme: str) -> None:
        if scheme != self._scheme:
            self._start(scheme)
            self.resize(*self._size)

    def resize(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._driver.set_window_rect(0, 0, width, height)
        inner_width, inner_height = self.evaluate("() => [innerWidth, innerHeight]")
        window = self._driver.get_window_rect()
        self._driver.set_window_rect(
            0, 0, width + window["width"] - inner_width, height + window["height"] - inner_height
        )

    def open(self, address: str) -> None:
        self._errors += self.evaluate(SAID) or []
        self._driver.get("about:blank")
        for _ in moments("the tab is not emptied"):
            if self._driver.current_url == "about:blank":
                break
        self._driver.get(address)
        for _ in moments(f"{address} does not begin"):
            if self.evaluate("() => location.href !== 'about:blank'"):
                break

    def evaluate(self, function: str, *arguments: Any, frame: str = "") -> Any:
        call = f"return JSON.stringify(({function})(...{json.dumps(arguments)}))"
        try:
            said = self._said(call, frame)
        except THE_DOCUMENT_HAS_LEFT:
            said = None
        return None if said is None else json.loads(said)

    def _said(self, call: str, frame: str) -> str | None:
        with self._within(frame):
            return self._driver.execute_script(LISTEN + call)

    @contextlib.contextmanager
    def _within(self, frame: str) -> Iterator[None]:
        if not frame:
            yield
            return
        self._driver.switch_to.frame(self._driver.find_element("id", frame))
        try:
            yield
        finally:
            self._driver.switch_to.default_content()

    def act(self, source: dict) -> None:
        self._driver.execute(Command.W3C_ACTIONS, {"actions": [source]})

    def saved(self, press: Callable[[], None]) -> Path:
        return newcomer(self._downloads, press)

    def on_paper(self) -> bytes | None:
        return None

    def errors(self) -> list[str]:
        said, self._errors = self._errors + (self.evaluate(SAID) or []), []
        return said

    def screenshot(self) -> bytes:
        return self._driver.get_screenshot_as_png()
