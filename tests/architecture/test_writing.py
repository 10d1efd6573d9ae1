"""Only ``alrun/store`` writes: watched during a whole run, libraries included (the source is read in tests/store)."""

from __future__ import annotations

import json
from pathlib import Path

from command_line import Warm  # type: ignore[import-not-found]

import alrun

PACKAGE = Path(alrun.__file__).parent

WATCHED_RUN = """
import json, os, sys, traceback
from pathlib import Path
from alrun.cli.main import main

HERE = str(Path.cwd())
seen = set()


def watch(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        writes = set(mode) & set("wax+") if mode else flags & (os.O_WRONLY | os.O_RDWR)
    else:
        path, writes = arguments[0] if arguments else None, event in ("os.rename", "os.remove", "os.truncate")
    if writes and isinstance(path, str | bytes) and os.path.abspath(os.fsdecode(path)).startswith(HERE):
        files = (frame.f_code.co_filename for frame, _ in traceback.walk_stack(None))
        seen.add(next((file for file in files if file.startswith(sys.argv[1])), "nobody"))


sys.addaudithook(watch)
code = main(["debug=default", "query=[entropy,random]", "progress=false", "data=moons"])
print(json.dumps([code, sorted(seen)]))
"""


def test_only_the_store_writes_during_a_run(warm: Warm, tmp_path: Path) -> None:
    answer = warm.run(tmp_path, str(PACKAGE), code=WATCHED_RUN)
    assert answer.code == 0, answer.err
    exit_code, writers = json.loads(answer.out.splitlines()[-1])
    assert exit_code == 0
    assert writers
    assert {Path(writer).parent for writer in writers} == {PACKAGE / "store"}
