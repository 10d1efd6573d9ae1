"""Pages of the viewer, in process: who is let in, what they show, what an address may name, and the bundle."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from alrun.cli.view import run
from alrun.core.errors import ConfigError
from alrun.store.control import add_request, read_requests
from alrun.store.records import read_acquisitions
from alrun.viewer.app import application
from alrun.viewer.guard import Guard
from alrun.viewer.index import Index
from alrun.viewer.lists import ROWS
from alrun.viewer.server import _listening
from alrun.viewer.watcher import Watcher

if TYPE_CHECKING:
    from starlette.testclient import TestClient

for library in ("starlette", "uvicorn", "httpx2", "vl_convert"):
    pytest.importorskip(library, reason='pip install "alrun[view]" httpx2')

PORT, TOKEN = 8421, "t0ken"
ORIGIN = {"origin": f"http://127.0.0.1:{PORT}"}
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n of a sample").decode()
HOSTILE = "</script><img src=x onerror=alert(1)>&\"'"


@pytest.fixture(scope="module")
def root(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs of a sweep: one as it was made, one that failed, one with a hostile name."""
    root = tmp_path_factory.mktemp("viewed")
    index = read_acquisitions(small_run / "acquisitions.parquet")["index"][10].as_py()
    for number, name in enumerate(("plain", "failed", HOSTILE.replace("/", "_"))):
        place = root / "sweep" / name
        shutil.copytree(small_run, place)
        info = json.loads((place / "run.json").read_text())
        fields = {"failed": {"status": "failed", "reason": HOSTILE}}.get(name, {})
        (place / "run.json").write_text(json.dumps(info | {"seed": number, "identity": f"{number}" * 64} | fields))
        config = (place / "config.yaml").read_text().replace("hidden:\n  - 8", f"hidden:\n  - {number + 8}")
        (place / "config.yaml").write_text(config)
    picks = {"step": 1, "labels": 20, "index": [index], "x": [0.5], "y": [0.5], "thumbnails": [PICTURE]}
    sample = {"index": [0], "x": [0.0], "y": [0.0], "total": 1, "explained": [0.5, 0.5]}
    (root / "sweep/plain/metrology/pool_map").mkdir()
    stored = {"records": [{"pool": sample}, {"picks": picks}], "tensors": []}
    (root / "sweep/plain/metrology/pool_map/records.json").write_text(json.dumps(stored))
    (root / "outside").write_text("secret")
    (root / "sweep/plain/leads-out").symlink_to(root / "outside")
    (root / "sweep/plain/alrun.log").write_text(f"2026-01-01 INFO {HOSTILE}\x1b[2J\n")
    return root


@pytest.fixture
def index(root: Path) -> Index:
    found = Index(root)
    found.scan()
    return found


@pytest.fixture
def client(index: Index) -> Iterator[TestClient]:
    """Somebody with the token's cookie, on the page itself."""
    from starlette.testclient import TestClient

    guarded = Guard(application(index, Watcher(index), lambda: True), TOKEN, PORT)
    with TestClient(guarded, base_url=f"http://127.0.0.1:{PORT}", follow_redirects=False) as found:
        assert found.get(f"/?token={TOKEN}").status_code == 200
        yield found


def key(index: Index, name: str) -> str:
    return next(entry.key for entry in index.entries() if entry.place.endswith(name))


def test_nobody_is_let_in_without_the_token(client: TestClient) -> None:
    assert client.get("/").status_code == 200
    client.cookies.clear()
    for address in ("/", "/index.html", "/view.js", "/vega.js", "/events?topic=*", "/?token=", "/?token=t0kenx"):
        answer = client.get(address)
        assert answer.status_code == 401
        assert "sweep" not in answer.text
    client.cookies.set("alrun-9999", TOKEN)
    assert client.get("/").status_code == 401
    assert client.get(f"/?token={TOKEN}").headers["set-cookie"].endswith("HttpOnly; SameSite=Strict; Path=/")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:80", "localhost.evil.example:8421", ""])
def test_another_name_for_this_machine_is_refused(client: TestClient, host: str) -> None:
    answer = client.get(f"/?token={TOKEN}", headers={"host": host})
    assert answer.status_code == 400
    assert "set-cookie" not in answer.headers


def test_every_answer_tells_the_browser_to_run_nothing_else(client: TestClient, index: Index) -> None:
    plain = key(index, "plain")
    for address in ("/", f"/run-{plain}.html", "/nowhere.html", f"/run-{plain}/files/run.json", "/view.js"):
        headers = client.get(address).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        policy = headers["content-security-policy"]
        assert "unsafe-eval" not in policy
        assert "script-src 'self'" in policy or policy == "sandbox"


def test_the_list_counts_and_a_run_shows_everything(client: TestClient, index: Index) -> None:
    front = client.get("/?full=1").text
    assert "2 of 3" in front
    assert "accuracy" in front
    plain = client.get(f"/run-{key(index, 'plain')}.html?full=1").text
    for part in ("30 of 30", "metric_1", "Samples picked", "config.yaml", "INFO", "timing.csv", "learner.hidden"):
        assert part in plain
    assert re.findall(r'<img class="sample" src="data:image/png;base64,([^"]*)"', plain) == [PICTURE]
    charts = json.loads(re.findall(r'id="charts">(.*?)</script>', plain, re.DOTALL)[0])
    assert [row["labels"] for row in charts["metric_1"]["data"]["values"]] == [10, 20, 30]
    quick = client.get(f"/run-{key(index, 'plain')}.html").text
    assert "metric_1" not in quick
    assert 'data-later="true"' in quick


def test_nothing_from_a_run_is_markup(client: TestClient, index: Index) -> None:
    pages = ["/?full=1", *(f"/run-{entry.key}.html?full=1" for entry in index.entries())]
    sweep = re.findall(r"sweep-[0-9a-f]{16}\.html", client.get("/").text)[0]
    chosen = "&".join(f"run={entry.key}" for entry in index.entries())
    for address in (*pages, f"/{sweep}?full=1", f"/compare.html?{chosen}"):
        text = client.get(address).text
        assert "<img src=x" not in text
        assert "\x1b" not in text
        assert len(re.findall(r"<script[^>]*>", text)) == 2


def test_settings_of_chosen_runs_are_compared(client: TestClient, index: Index) -> None:
    chosen = "&".join(f"run={entry.key}" for entry in index.entries())
    text = client.get(f"/compare.html?{chosen}&run=nobody").text
    assert "learner.hidden" in text
    assert "training.max_epochs" not in text
    assert "Choose two runs" in client.get("/compare.html").text


@pytest.mark.parametrize(
    "name",
    [
        "../failed/run.json", "..%2ffailed%2frun.json", "%2e%2e/failed/run.json", "%2fetc/passwd", "/etc/passwd",
        "leads-out", "checkpoints/%2e%2e/run.json", "checkpoints", "run.json%00", "nothing", "checkpoints//step_0", "",
    ],
)  # fmt: skip
def test_an_address_leads_to_nothing_but_regular_files_of_its_run(client: TestClient, index: Index, name: str) -> None:
    plain = key(index, "plain")
    answer = client.get(f"/run-{plain}/files/{name}")
    assert answer.status_code == 404
    assert "secret" not in answer.text
    whole = client.get(f"/run-{plain}/files/checkpoints/step_0/query/MANIFEST.json")
    assert (whole.status_code, whole.headers["content-disposition"]) == (200, "attachment")
    assert json.loads(whole.text)["phase"] == "query"


@pytest.mark.parametrize(
    "name", ["sweep-../../x", "run-0000000000000000", "sweep-", "index-0", "index-2", "run-", "..%2findex", "x"]
)
def test_there_are_no_other_pages(client: TestClient, name: str) -> None:
    assert client.get(f"/{name}.html").status_code == 404


def test_what_changes_a_run_is_asked_from_its_own_page(client: TestClient, index: Index) -> None:
    failed = key(index, "failed")
    for headers in ({}, {"origin": "http://evil.example"}, {"origin": "null"}, {"origin": f"https://127.0.0.1:{PORT}"}):
        assert client.post(f"/run-{failed}/resume", data={}, headers=headers).status_code == 403
    assert client.get(f"/run-{failed}/resume").status_code == 405
    for action in ("stop", "pause", "continue", "remove"):
        answer = client.post(f"/run-{failed}/{action}", data={"author": "me"}, headers=ORIGIN)
        assert (answer.status_code, answer.text) == (409, f"{action} is not possible: the run is failed")
    assert read_requests(index.root / "sweep/failed") == []


def test_what_was_asked_of_a_run_is_shown(client: TestClient, index: Index) -> None:
    asked = add_request(index.root / "sweep/failed", "stop", HOSTILE, "too slow\x1b[2J")
    text = client.get(f"/run-{key(index, 'failed')}.html").text
    assert asked.when in text
    assert "too slow\\x1b[2J" in text
    assert "<img" not in text


def test_long_lists_have_pages(tmp_path: Path, small_run: Path) -> None:
    from alrun.viewer.rendering import html
    from alrun.viewer.site import Site

    text = (small_run / "run.json").read_text()
    for number in range(ROWS + 5):
        (tmp_path / f"runs/{number:03d}").mkdir(parents=True)
        (tmp_path / f"runs/{number:03d}/run.json").write_text(text)
    index = Index(tmp_path)
    index.scan()
    site = Site(index)
    names = [name for name in site.names() if name.startswith("sweep")]
    assert len(names) == 4
    first, second = (html(page).decode() for name in names[:2] if (page := site.page(name, full=False)))
    assert "Runs 1 to 100 of 105; the others are on other pages." in first
    assert second.count('href="run-') == 5
    assert f'href="{names[1]}.html"' in first


def test_a_bundle_has_the_same_bytes_each_time_and_no_address_outside(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for out in ("one", "two"):
        assert run([str(root), "--bundle", str(tmp_path / out), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told == {"bundle": str(tmp_path / out / "index.html"), "files": len(list((tmp_path / out).iterdir()))}
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / out).iterdir()} for out in ("one", "two"))
    assert one == two
    assert {"index.html", "vega.js", "page.js", "view.js"} < one.keys()
    for name, content in one.items():
        if name.endswith(".html"):
            addresses = set(re.findall(r'(?:href|src|action)="([^"#]+)"', content.decode()))
            assert {link for link in addresses if not link.startswith("data:")} <= one.keys(), name
            assert b"<form" not in content.replace(b'<form class="controls"', b"")


def test_what_is_wrong_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no such directory"):
        run([str(tmp_path / "nowhere")])
    with _listening(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} is in use"):
            run([str(tmp_path), "--port", str(port)])
    monkeypatch.setitem(__import__("sys").modules, "uvicorn", None)
    with pytest.raises(ConfigError, match="pip install"):
        run([str(tmp_path)])
