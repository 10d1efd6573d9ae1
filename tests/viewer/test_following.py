"""The page in a real browser: it follows a run as its files grow; the server ends in good order."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chromium import chromium, wait  # type: ignore[import-not-found]
from command_line import SMALL, Alrun, Process, Warm, only_run, wait_for  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

for library in ("starlette", "uvicorn", "vl_convert"):
    pytest.importorskip(library, reason='pip install "alrun[view]"')

#: ``alrun view`` whose address is in a file.
PROGRAM = """
import sys
from pathlib import Path
from alrun.cli import view

view._tell = lambda address: Path("address").write_text(address)
sys.exit(view.run(sys.argv[1:]))
"""


@pytest.fixture
def server(warm: Warm, alrun: Alrun, tmp_path: Path) -> Process:
    """``alrun view`` over a run that has bought 20 of its 30 labels."""
    assert alrun(*SMALL, "budget=20").code == 0
    return warm.start(tmp_path, "outputs", "--port", "0", code=PROGRAM)


@pytest.fixture
def browser() -> Iterator[Chrome]:
    with chromium() as window:
        yield window


def test_a_page_follows_a_run_as_its_files_grow(server: Process, browser: Chrome, alrun: Alrun, tmp_path: Path) -> None:
    address = server.wait_for(lambda: (tmp_path / "address").exists() and (tmp_path / "address").read_text())
    browser.get(address)
    wait(browser, "document.querySelector('main').innerText.includes('1 of 1')")
    assert "token" not in browser.current_url
    # In one step: the page that follows the run may put another element in the place of one that was found.
    browser.execute_script("document.querySelector('section th a').click()")
    wait(browser, "document.querySelector('main a[href^=\"run-\"]') !== null")
    browser.execute_script("document.querySelector('main a[href^=\"run-\"]').click()")
    curve = "[...document.querySelectorAll('#chart-metric_1 svg path[aria-roledescription=\"point\"]')].length"
    wait(browser, f"{curve} === 2")
    browser.execute_script("document.querySelector('#config ~ details').open = true")
    assert alrun("resume", str(only_run(tmp_path)), "budget=30").code == 0
    wait(browser, f"{curve} === 3")
    wait(browser, "document.querySelector('#standing').parentElement.innerText.includes('30 of 30')")
    assert browser.execute_script("return document.querySelector('#config ~ details').open"), "what is open stays open"
    assert [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    sent = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = {one["params"]["request"]["url"] for one in sent if one["method"] == "Network.requestWillBeSent"}
    own = address.partition("/?")[0]
    assert {url for url in urls if not url.startswith((own, "data:", "chrome", "about:"))} == set()
    server.send(signal.SIGINT)
    ended = server.wait()
    assert (ended.code, ended.err) == (0, "view ended\n")
    wait(browser, "document.getElementById('live').textContent === 'not connected'")


def test_a_run_is_stopped_and_resumed_through_its_page(warm: Warm, tmp_path: Path) -> None:
    from alrun.report.runs import read_run
    from alrun.store.control import read_requests
    from alrun.viewer.control import Control, offered

    running = warm.start(tmp_path, *SMALL, "training.max_epochs=3000")
    running.wait_for(lambda: list(tmp_path.glob("outputs/*/*/checkpoints/step_0/data_integration")))
    place, control = only_run(tmp_path), Control()
    run = wait_for(lambda: (found := read_run(place)).status == "running" and offered(found) and found)
    assert offered(run) == ["pause", "stop"]
    control.ask(run, "stop", "me", "enough")
    assert running.wait().code == 143
    assert offered(read_run(place)) == ["resume"]
    assert [(one.action, one.author, one.reason) for one in read_requests(place)] == [("stop", "me", "enough")]
    (place / "config.yaml").write_text("learner: {}\n")
    control.ask(read_run(place), "resume", "me", "")
    assert "exit code 2" in wait_for(lambda: (said := control.said(place)) and "code" in said and said)
