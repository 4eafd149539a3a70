"""Render the README's pictures from the running page: ``make screenshots``."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs"
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

# file, query, anchor, colour scheme, (width, height)
PICTURES = (
    ("page-light.png", "w=0.9&f=0.99", "k-steps", "light", (1280, 900)),
    ("page-dark.png", "act=logistic&w=2&h0=0.1", "vanish-or-explode", "dark", (1280, 900)),
    ("page-phone.png", "w=1.5&h0=0.1&k=20", "k-steps", "light", (390, 844)),
)


def wait_until_up(address: str) -> None:
    for _ in range(120):
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    sys.exit(f"the page did not come up at {address}")


def take(page: Page, address: str, query: str, anchor: str, file: Path) -> None:
    page.goto(f"{address}/?{query}#{anchor}")  # the section is drawn when the page comes near
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]", timeout=90_000)
    page.wait_for_selector("h2#references", state="attached", timeout=90_000)
    chart = page.locator(f".st-key-section-{anchor} [data-testid=stVegaLiteChart]").first
    chart.locator("svg.marks").wait_for(timeout=90_000)
    page.wait_for_timeout(4000)  # what stands around it is drawn, too
    page.mouse.wheel(0, 1)  # as a reader who moves on: the link no longer holds its heading
    chart.evaluate("chart => chart.scrollIntoView({block: 'center'})")
    page.wait_for_timeout(3000)
    page.screenshot(path=file)


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("The pictures need a Chromium: on Debian, apt-get install chromium.")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.port", str(port)]
    server = subprocess.Popen([*command, "--server.headless", "true"], cwd=ROOT)
    try:
        wait_until_up(address)
        FOLDER.mkdir(exist_ok=True)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
            for name, query, anchor, scheme, (width, height) in PICTURES:
                context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height})
                take(context.new_page(), address, query, anchor, FOLDER / name)
                context.close()
            browser.close()
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
