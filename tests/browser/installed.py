"""The browsers on this machine, and what to install where one is missing."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

CHROMIUM, FIREFOX, WEBKIT = "chromium", "firefox", "webkit"
ENGINES = (CHROMIUM, FIREFOX, WEBKIT)

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
# The same engine without windows and menus, which nobody sees here: a tab costs two thirds of the processor's time.
SHELL = "chromium-headless-shell"
FIREFOXES = ("firefox-esr", "firefox")
# It comes with WebKitGTK, away from what a shell finds: /usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser
MINI_BROWSERS = ("lib/*/webkit*gtk-*/MiniBrowser", "libexec/webkit*gtk-*/MiniBrowser")

HOW_TO_GET = {
    CHROMIUM: "apt-get install chromium (Debian), dnf install chromium (Fedora), brew install chromium (macOS)",
    FIREFOX: "apt-get install firefox-esr (Debian), dnf install firefox (Fedora), brew install firefox (macOS)",
    WEBKIT: "apt-get install webkit2gtk-driver xvfb (Debian and Ubuntu; for Linux only)",
}


@dataclass(frozen=True)
class WebKit:
    """What it takes to drive WebKitGTK without a screen.

    Attributes:
        driver: the path of WebKitWebDriver.
        browser: the path of MiniBrowser.
        screen: the path of Xvfb.
    """

    driver: str
    browser: str
    screen: str


def _first(names: tuple[str, ...]) -> str | None:
    return next(filter(None, map(shutil.which, names)), None)


def chromium() -> str | None:
    """The path of a Chromium, or None."""
    return _first(CHROMIUMS)


def chromium_without_windows() -> str | None:
    """The path of Chromium's headless shell; of a whole Chromium where there is none."""
    return shutil.which(SHELL) or chromium()


def firefox() -> str | None:
    """The path of a Firefox, or None."""
    return _first(FIREFOXES)


def webkit() -> WebKit | None:
    """The paths of WebKitGTK's parts, or None where one of them is missing."""
    driver, screen = shutil.which("WebKitWebDriver"), shutil.which("Xvfb")
    browsers = [str(path) for place in MINI_BROWSERS for path in sorted(Path("/usr").glob(place))]
    return WebKit(driver, browsers[-1], screen) if driver and screen and browsers else None


def is_there(engine: str) -> bool:
    """Whether this machine has the engine of this name."""
    return {CHROMIUM: chromium, FIREFOX: firefox, WEBKIT: webkit}[engine]() is not None
