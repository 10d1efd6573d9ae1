"""Chromium without a window, in which pages are looked at; tests are skipped where it is missing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

__all__ = ["chromium", "wait"]


@contextmanager
def chromium() -> Iterator[Chrome]:
    """Open a browser that keeps its console and its requests."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="pip install selenium")
    program, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("there is no Chromium with its driver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1000,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    window = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
    try:
        yield window
    finally:
        window.quit()


def wait(window: Chrome, condition: str) -> Any:
    """Wait until ``condition``, in JavaScript, holds."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(window, 120).until(lambda one: one.execute_script(f"return {condition}"))
