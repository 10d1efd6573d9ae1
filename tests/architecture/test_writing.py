"""Only ``alrun/store`` opens files for writing: read off the source, and watched during a whole run."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import alrun

PACKAGE = Path(alrun.__file__).parent
#: Functions and methods that write, whatever their arguments.
WRITERS = {
    *("write_text", "write_bytes", "touch", "fdopen", "mkstemp", "NamedTemporaryFile", "tofile", "dump", "savez"),
    *("save_file", "to_parquet", "write_table", "FileHandler", "copyfile", "copytree", "rmtree", "unlink", "savetxt"),
}
SAVERS = {("torch", "save"), ("np", "save"), ("os", "open"), ("os", "replace"), ("os", "rename"), ("shutil", "move")}

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
        own = [frame.filename for frame in traceback.extract_stack() if frame.filename.startswith(sys.argv[1])]
        seen.add(own[-1] if own else "nobody")


sys.addaudithook(watch)
code = main(["debug=default", "query=[entropy,random]", "progress=false"])
print(json.dumps([code, sorted(seen)]))
"""


def writing_calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and writes(node):
            yield f"{path.relative_to(PACKAGE)}:{node.lineno}"


def writes(call: ast.Call) -> bool:
    function = call.func
    if isinstance(function, ast.Attribute):
        if function.attr in WRITERS:
            return True
        owner = function.value.id if isinstance(function.value, ast.Name) else ""
        if (owner, function.attr) in SAVERS:
            return True
        return function.attr == "open" and opens_for_writing(call, position=0)
    return isinstance(function, ast.Name) and (
        function.id in WRITERS or (function.id == "open" and opens_for_writing(call, position=1))
    )


def opens_for_writing(call: ast.Call, position: int) -> bool:
    modes = [keyword.value for keyword in call.keywords if keyword.arg == "mode"] + call.args[position : position + 1]
    return any(not isinstance(mode, ast.Constant) or set(str(mode.value)) & set("wax+") for mode in modes)


def test_only_the_store_has_calls_that_write() -> None:
    files = [path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in ("store", "testing")]
    assert [call for path in files for call in writing_calls(path)] == []
    assert [call for path in (PACKAGE / "store").glob("*.py") for call in writing_calls(path)]


def test_only_the_store_writes_during_a_run(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WATCHED_RUN, str(PACKAGE)]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    exit_code, writers = json.loads(answer.stdout.splitlines()[-1])
    assert exit_code == 0
    assert writers
    assert {Path(writer).parent for writer in writers} == {PACKAGE / "store"}
