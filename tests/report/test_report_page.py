"""The page, the figures and the tables that ``alrun report`` writes; the page in a real browser, where there is one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from chromium import chromium, wait  # type: ignore[import-not-found]

from alrun.cli.report import run
from alrun.store.records import write_acquisitions

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

    from tests.report.conftest import WriteRun

pytest.importorskip("vl_convert", reason='pip install "alrun[report]"')

HOSTILE = "</script><img src=x onerror=document.title='owned'>=1+1|&$%\\input{x}"
QUERIES = ("random", "entropy", HOSTILE)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, run_writer: Callable[[Path], WriteRun]) -> Iterator[Path]:
    """Three strategies, one with a hostile name, of two seeds; the report on them is written once."""
    folder = tmp_path_factory.mktemp("study")
    write = run_writer(folder)
    for number, query in enumerate(QUERIES):
        for seed in (0, 1):
            curve = {20: 0.5, 40: 0.6 + 0.1 * number + 0.01 * seed, 60: 0.8 + 0.02 * seed}
            path = write(f"r{number}-{seed}", curve, seed=seed, choices={"query": query})
            acquired = {"cost": 1.0, "status": "labelled"}
            rows = [
                acquired
                | {"step": step, "order": i, "index": i, "uuid": f"{step}-{i + number}"}
                | {"label": str((i + number * step) % 3)}
                for step in range(3)
                for i in range(20)
            ]
            write_acquisitions(path / "acquisitions.parquet", rows)
            (path / "timing.csv").write_text("step,phase,seconds\n0,training,0.5\n1,query,0.25\n")
    before = Path.cwd()
    os.chdir(folder)
    assert run(["outputs", "--html", "page.html", "--tables", "tables", "--paper", "paper"]) == 0
    yield folder
    os.chdir(before)


def test_same_input_gives_the_same_bytes_and_nothing_from_data_is_markup(study: Path) -> None:
    page = (study / "page.html").read_text()
    assert run(["outputs", "--html", "again.html"]) == 0
    assert (study / "again.html").read_text() == page
    own = page.split("<script>")[0]
    assert "<img" not in own
    assert own.count("</script>") == 1
    assert "default-src 'none'" in own
    assert "unsafe-eval" not in own
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", own)


def test_tables_have_equal_numbers_in_each_format_and_no_formula(study: Path) -> None:
    names = {path.stem for path in (study / "tables").iterdir()}
    assert {"summary", "curves", "areas", "differences", "savings", "penalties", "ranks"} <= names
    areas = pd.read_csv(study / "tables/areas.csv").set_index("strategy")
    assert areas.loc["random", "area"] == pytest.approx(0.63)
    markdown, latex = ((study / f"tables/areas.{ending}").read_text() for ending in ("md", "tex"))
    assert "| 0.63 |" in markdown
    assert r"\toprule" in latex
    assert " 0.63 " in latex
    assert r"\input" not in latex
    assert len({line.count("|") for line in markdown.splitlines()}) == 1
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in areas.index)


def test_figures_are_drawn_in_each_format(study: Path) -> None:
    from alrun.report.charts.learning import learning_curves
    from alrun.report.figures import render
    from alrun.report.load import load_records
    from alrun.report.runs import find_runs
    from alrun.report.study import study_metric

    compared = study_metric(load_records(find_runs([study / "outputs"])), "accuracy", "random")
    files = dict(render(learning_curves(compared, compared.conditions[0], "curves")))
    assert set(files) == {f"curves{width}.{ending}" for width in ("", "_wide") for ending in ("svg", "png", "pdf")}
    heads = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF"}
    for name, content in files.items():
        assert content.startswith(heads[name.rpartition(".")[2]])
        assert len(content) > 5000


def test_charts_of_several_panels_have_the_width_of_the_column() -> None:
    from alrun.report.charts.picks import batch_distances, score_curves
    from alrun.report.figures import render

    scores = pd.DataFrame({"strategy": ["a", "b"] * 2, "labels": [20, 20, 40, 40], "picks": 0.5, "pool": 0.25})
    spread = pd.DataFrame({"strategy": "a", "labels": [20, 40], "seeds": 2, "distance": [1.0, 2.0]})
    for chart in (score_curves(scores, ["a", "b"], "scores"), batch_distances(spread, ["a"], "a", "spread")):
        narrow, wide = (content.decode() for _, content in render(chart, ("svg",)))
        widths = [float(re.findall(r'<svg[^>]* width="([\d.]+)"', text)[0]) for text in (narrow, wide)]
        assert 230 < widths[0] < 345 < 430 < widths[1] < 620


def test_the_paper_has_every_fact_and_cites_what_is_cited(study: Path) -> None:
    folder = study / "paper"
    protocol, main = ((folder / f"{name}.tex").read_text() for name in ("protocol", "main"))
    for fact in ("entropy~\\cite{settles2009survey}", "with 2 seeds", "on digits", "learner mlp"):
        assert fact in protocol
    assert "\\input{x}" not in protocol
    entries = set(re.findall(r"^@\w+\{([^,]+),", (folder / "references.bib").read_text(), re.MULTILINE))
    assert set(re.findall(r"\\cite\{([^}]+)\}", protocol)) <= entries
    pictures = re.findall(r"\\includegraphics\[[^]]*\]\{([^}]+)\}", main)
    assert {f"{name}.pdf" for name in pictures} <= {path.name for path in folder.iterdir()}
    assert len(pictures) >= 5


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="apt-get install texlive-latex-recommended")
def test_the_paper_compiles(study: Path) -> None:
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main.tex"]
    done = subprocess.run(command, cwd=study / "paper", capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def test_every_entry_of_the_references_is_of_an_option_or_a_method() -> None:
    from alrun.config.paths import conf_dir
    from alrun.report.paper.references import KEYWORDS, references

    options = {path.stem for group in ("query", "inference") for path in (conf_dir() / group).glob("*.yaml")}
    text = (files("alrun.report.paper") / "references.bib").read_text(encoding="utf-8")
    words = {word for found in KEYWORDS.finditer(text) for word in found["words"].split()}
    assert words - options == {"penalty", "holm", "wilcoxon", "critical"}
    assert references(["random"]).strip() == ""


def test_json_is_one_document_on_stdout(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["outputs", "--json", "--baseline", "entropy"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["metric"], content["baseline"]) == ("accuracy", "entropy")
    assert {row["strategy"] for row in content["differences"]} == {"random", HOSTILE}
    assert study.exists()


@pytest.fixture(scope="module")
def browser(study: Path) -> Iterator[Chrome]:
    """The page in a browser that may not ask the network for anything."""
    with chromium() as window:
        window.get((study / "page.html").as_uri())
        wait(window, "document.body.dataset.drawn === 'true'")
        yield window


def marks(window: Chrome, chart: str) -> list[str]:
    found: list[str] = window.execute_script(
        f"return [...document.querySelectorAll('#chart-{chart} svg path[aria-roledescription], "
        f"#chart-{chart} svg [aria-label]')].map((mark) => mark.getAttribute('aria-label'))"
    )
    return found


def test_every_chart_is_drawn_without_an_error_or_a_request(browser: Chrome, study: Path) -> None:
    charts = "[...document.querySelectorAll('.chart')]"
    empty = browser.execute_script(
        f"return {charts}.filter((one) => !one.querySelector('svg path')).map((one) => one.id)"
    )
    assert empty == []
    assert browser.title.startswith("Active learning"), "nothing from the data ran"
    assert [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    sent = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = {one["params"]["request"]["url"] for one in sent if one["method"] == "Network.requestWillBeSent"}
    assert urls <= {(study / "page.html").as_uri()}


def test_a_strategy_can_be_hidden_with_the_keyboard(browser: Chrome) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    def named() -> bool:
        return any("strategy: entropy" in label for label in marks(browser, "curves") if label)

    assert named()
    box = browser.find_element(By.CSS_SELECTOR, "input[value=entropy]")
    box.send_keys(Keys.SPACE)
    wait(browser, "!document.querySelector('#chart-curves').innerHTML.includes('strategy: entropy')")
    box.send_keys(Keys.SPACE)
    wait(browser, "document.querySelector('#chart-curves').innerHTML.includes('strategy: entropy')")


def test_the_slider_moves_with_the_keyboard(browser: Chrome) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    slider = browser.find_element(By.CSS_SELECTOR, "input[type=range]")
    slider.send_keys(Keys.HOME)
    assert slider.get_attribute("aria-valuetext") == "20 labels"
    wait(browser, "document.querySelector('#chart-classes').innerHTML.includes('labels: 20')")
    slider.send_keys(Keys.END)
    wait(browser, "document.querySelector('#chart-classes').innerHTML.includes('labels: 60')")


def test_a_narrow_window_needs_no_scrolling_sideways(browser: Chrome) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    )
    wait(browser, "document.documentElement.scrollWidth <= 390")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
