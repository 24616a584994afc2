"""A browser for the pages, where one is installed."""

import contextlib
import os
import shutil
import sys

import pytest


def chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("FACEIT_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    path = chromium()
    if path is None:
        pytest.skip("no Chromium is installed: apt-get install chromium, or set FACEIT_CHROMIUM")
    switches = ["--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--disable-sync"]  # fmt: skip
    if sys.platform != "win32" and os.geteuid() == 0:
        switches.append("--no-sandbox")
    with api.sync_playwright() as playwright, contextlib.closing(
        playwright.chromium.launch(executable_path=path, args=switches)
    ) as opened:
        yield opened
