"""``alrun view`` over thousands of runs: first paint in a real browser, and the memory of the server.

The runs are those of ``benchmark_many_runs.py``. Printed are seconds from the command to its address; from a request
to the first contentful paint, as Chromium has it, when the server has just begun to read and when it has read all;
and the largest memory of the server, with a page of a sweep and the charts of a run.

    python scripts/benchmark_view.py                # 5,000 runs
    python scripts/benchmark_view.py --runs 500 --dir /scratch
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from benchmark_many_runs import make  # type: ignore[import-not-found]

PAINT = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


def browser() -> Any:
    """Return a browser without a window."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu"):
        options.add_argument(argument)
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    window = webdriver.Chrome(options=options, service=service)
    window.get("data:text/html,<p>warm")
    return window


def paint(window: Any, address: str) -> float:
    """Open ``address``; return the seconds from the request to the first contentful paint."""
    window.get(address)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if found := window.execute_script(PAINT):
            return float(found) / 1000
        time.sleep(0.02)
    raise SystemExit("nothing was painted")


def peak(process: subprocess.Popen[str]) -> float:
    """Return the largest memory of ``process`` so far, in MB."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1000


def answer(window: Any, address: str) -> str:
    """Return the page at ``address`` as the server sends it to this browser."""
    name, value = next((one["name"], one["value"]) for one in window.get_cookies())
    request = urllib.request.Request(address, headers={"Cookie": f"{name}={value}"})  # noqa: S310 - this machine
    with urllib.request.urlopen(request) as opened:  # noqa: S310 - likewise
        return str(opened.read().decode())


def measure(folder: Path) -> None:
    """Start the server, look at its pages, print."""
    window, began = browser(), time.perf_counter()
    command = [sys.executable, "-m", "alrun", "view", "outputs", "--port", "0"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            address = process.stdout.readline().strip()
            print(f"address after {time.perf_counter() - began:.2f} s")
            print(f"first paint, reading has just begun: {paint(window, address):.2f} s")
            base = address.partition("?")[0]
            while "Still reading" in answer(window, base):
                time.sleep(0.05)
            print(f"all read after {time.perf_counter() - began:.2f} s, {peak(process):.0f} MB")
            for _ in range(3):
                print(f"first paint, all read: {paint(window, base):.2f} s")
            sweep = answer(window, base).partition('href="sweep-')[2].partition('"')[0]
            print(f"first paint of the sweep: {paint(window, f'{base}sweep-{sweep}'):.2f} s")
            run = answer(window, f"{base}sweep-{sweep}").partition('href="run-')[2].partition('"')[0]
            print(f"first paint of a run: {paint(window, f'{base}run-{run}'):.2f} s")
            while not window.execute_script("return document.body.dataset.drawn"):
                time.sleep(0.05)
            print(f"largest memory of the server: {peak(process):.0f} MB")
        finally:
            process.send_signal(signal.SIGINT)
            window.quit()


def main() -> None:
    """Make the runs, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5000)
    parser.add_argument("--dir", type=Path, help="where to make them (default: the temporary folder)")
    parser.add_argument("--kept", type=Path, help="a folder in which they were made already, or are to be left")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.dir) as name:
        folder = arguments.kept or Path(name)
        if not (folder / "outputs").exists():
            folder.mkdir(parents=True, exist_ok=True)
            make(folder, arguments.runs)
        print(f"{sum(1 for _ in folder.glob('outputs/*/*/run.json'))} runs")
        measure(folder)


if __name__ == "__main__":
    main()
