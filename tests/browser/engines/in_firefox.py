"""Firefox, driven by WebDriver BiDi, which it speaks without a driver."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.browser import installed
from tests.browser.engines.bidi import RefusedError, Session
from tests.browser.engines.engine import ByActions, moments, newcomer

# The preference by which Firefox takes the reader's system for dark or light.
SCHEME = "layout.css.prefers-color-scheme.content-override"
SCHEMES = {"dark": 0, "light": 1}

# By itself Firefox opens a panel when a file comes, the first one and later ones, and that takes the next key or press.
# A frame from elsewhere stands in a process of its own, which the pointer's events do not reach.
PREFERENCES = """
user_pref("browser.download.alwaysOpenPanel", false);
user_pref("browser.download.panel.shown", true);
user_pref("fission.autostart", false);
"""


# What Firefox calls an error, and is none: a page in a frame from elsewhere has no cookies, and needs none; what was on
# its way when a page was left (0x804B0002, "aborted") has not come. A module that is missing leaves a hole in the page;
# of a file to save Streamlit only asks once more whether it is there.
BESIDE_THE_PAGE = re.compile(
    "^Cookie .* has been rejected because it is in a cross-site context"
    "|^downloadable font: download failed .* status=2152398850 "
    "|^TypeError: error loading dynamically imported module: "
    "|^Client Error: Download Button fetch error - NetworkError "
)


class InFirefox(ByActions):
    """Firefox without a window, with a profile of its own in a folder."""

    def __init__(self, folder: Path) -> None:
        self._downloads, log = folder / "downloads", folder / "firefox.log"
        self._downloads.mkdir()
        (folder / "profile").mkdir()
        (folder / "profile" / "user.js").write_text(PREFERENCES)
        command = [installed.firefox(), "--headless", "--no-remote", "--profile", str(folder / "profile")]
        # a port that is free; access to the browser itself, for its preferences
        command += ["--remote-debugging-port", "0", "--remote-allow-system-access"]
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command,
                env=os.environ | {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "configuration")},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            self._session = Session(self._address(log))
            self._set_up()
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    def _address(self, log: Path) -> str:
        for _ in moments("Firefox does not listen"):
            said = log.read_text(errors="replace")
            if found := re.search(r"BiDi listening on (\S+)", said):
                return found[1]
            assert self._process.poll() is None, said
        raise AssertionError

    def _set_up(self) -> None:
        self._tab = self._session.send("browsingContext.getTree")["contexts"][0]["context"]
        windows = self._session.send("browsingContext.getTree", **{"moz:scope": "chrome"})["contexts"]
        self._window = windows[0]["context"]
        self._session.send("session.subscribe", events=["log.entryAdded"])
        allowed = {"type": "allowed", "destinationFolder": str(self._downloads)}
        self._session.send("browser.setDownloadBehavior", downloadBehavior=allowed)

    def close(self) -> None:
        self._session.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def prefer(self, scheme: str) -> None:
        self._session.evaluate(self._window, f"Services.prefs.setIntPref('{SCHEME}', {SCHEMES[scheme]})")

    def resize(self, width: int, height: int) -> None:
        room = {"width": width, "height": height}
        self._session.send("browsingContext.setViewport", context=self._tab, viewport=room)

    def open(self, address: str) -> None:
        for one, wait in (("about:blank", "complete"), (address, "none")):
            self._session.send("browsingContext.navigate", context=self._tab, url=one, wait=wait)

    def evaluate(self, function: str, *arguments: Any, frame: str = "") -> Any:
        context = self._tab
        try:
            if frame:
                window = self._session.evaluate(context, f"document.getElementById('{frame}').contentWindow")
                context = window["value"]["context"]
            call = f"JSON.stringify(({function})(...{json.dumps(arguments)}))"
            answer = self._session.evaluate(context, call)
        except RefusedError as refused:
            if "AbortError" in str(refused) or "no such frame" in str(refused):  # it navigates
                return None
            raise
        return json.loads(answer["value"]) if "value" in answer else None

    def key_down(self, key: str) -> None:
        # who has opened an address has the keyboard in Firefox's own bar
        self._session.evaluate(self._window, "gBrowser.selectedBrowser.focus()")
        super().key_down(key)

    def act(self, source: dict) -> None:
        self._session.send("input.performActions", context=self._tab, actions=[source])

    def saved(self, press: Callable[[], None]) -> Path:
        return newcomer(self._downloads, press)

    def on_paper(self) -> bytes | None:
        return base64.b64decode(self._session.send("browsingContext.print", context=self._tab)["data"])

    def errors(self) -> list[str]:
        self._session.send("session.status")  # what has been said comes before the answer
        said, self._session.events = self._session.events, []
        errors = [event["params"]["text"] for event in said if event["params"]["level"] == "error"]
        return [error for error in errors if not BESIDE_THE_PAGE.search(error)]

    def screenshot(self) -> bytes:
        return base64.b64decode(self._session.send("browsingContext.captureScreenshot", context=self._tab)["data"])
