"""Nothing outside ``alrun/store`` has a call that writes, and nothing at all has one that runs what it reads."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import alrun

PACKAGE = Path(alrun.__file__).parent
#: Methods and functions that change a disk, whatever they are called on.
CHANGING = {
    *("write_text", "write_bytes", "touch", "mkdir", "makedirs", "rmdir", "unlink", "symlink_to", "hardlink_to"),
    *("rmtree", "copyfile", "copytree", "copy2", "mkstemp", "mkdtemp", "NamedTemporaryFile", "TemporaryDirectory"),
    *("fdopen", "write_table", "write_dataset", "savez", "savez_compressed", "savetxt", "tofile", "save_file"),
    *("save_checkpoint", "FileHandler", "savefig", "memmap", "open_memmap", "HDFStore"),
}
#: Of data frames: with a path they write, without one they return the text.
EXPORTING = {"to_csv", "to_json", "to_parquet", "to_pickle", "to_feather", "to_excel", "to_html", "to_markdown"}
#: Of modules whose names say it.
CHANGING_OF = {
    "os": {"open", "write", "remove", "rename", "replace", "truncate", "link", "symlink", "unlink", "rmdir", "mkdir"},
    "shutil": {"copy", "move", "rmtree", "copyfile", "copytree"},
    "torch": {"save"},
    "np": {"save"},
    "numpy": {"save"},
    "pickle": {"dump"},
    "json": {"dump"},
    "yaml": {"dump"},
}
#: The protocol itself says that these two create their directory; files of git are opened for reading.
ALLOWED = {"core/protocols/strategies.py: mkdir", "runner/checkout.py: open"}
#: The one module that makes the calls; the store asks it for each of them, so that a test sees every one.
SEAM = "store/disk.py"
#: What opens files for reading, the lock file of others among them, and what writes a table to memory.
READING = {
    *(
        "store/lock.py: open",
        "store/reading.py: open",
        "store/held_directory.py: open",
        "store/records.py: write_table",
    ),
}
UNSAFE_OF = {
    "pickle": {"load", "loads", "Unpickler"},
    "dill": {"load", "loads"},
    "cloudpickle": {"load", "loads"},
    "joblib": {"load"},
    "marshal": {"load", "loads"},
    "shelve": {"open"},
    "torch": {"load"},
    "yaml": {"load", "load_all", "unsafe_load", "full_load"},
    "pd": {"read_pickle"},
    "pandas": {"read_pickle"},
}


def writes(call: ast.Call) -> bool:
    owner, name = name_of(call)
    if owner == "DISK":
        return False
    if name in CHANGING_OF.get(owner, ()) or name in CHANGING:
        return True
    if name in EXPORTING:
        return bool(call.args) or any(keyword.arg in ("path", "path_or_buf", "buf") for keyword in call.keywords)
    if name == "open":
        return opens_for_writing(call, position=0 if isinstance(call.func, ast.Attribute) and owner != "io" else 1)
    # str.replace takes two arguments, Path.replace and Path.rename one.
    return name in ("replace", "rename") and len(call.args) == 1 and not call.keywords


def opens_for_writing(call: ast.Call, position: int) -> bool:
    modes = [keyword.value for keyword in call.keywords if keyword.arg == "mode"] + call.args[position : position + 1]
    return any(not isinstance(mode, ast.Constant) or bool(set(str(mode.value)) & set("wax+")) for mode in modes)


def loads_unsafely(call: ast.Call) -> bool:
    owner, name = name_of(call)
    flags = {keyword.arg: keyword.value for keyword in call.keywords}
    careless = {("weights_only", False), ("allow_pickle", True)}
    given = {(key, value.value) for key, value in flags.items() if isinstance(value, ast.Constant)}
    return name in UNSAFE_OF.get(owner, ()) or bool(careless & given)


def name_of(call: ast.Call) -> tuple[str, str]:
    function = call.func
    if isinstance(function, ast.Attribute):
        owner = function.value
        return (owner.id if isinstance(owner, ast.Name) else ""), function.attr
    return "", function.id if isinstance(function, ast.Name) else ""


def found(source: str, judge: Callable[[ast.Call], bool]) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and judge(node):
            yield name_of(node)[1]


def found_in_package(judge: Callable[[ast.Call], bool], *left_out: str) -> set[str]:
    files = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")]
    chosen = [path for path in files if path.parts[0] not in left_out]
    assert len(chosen) > 50
    return {f"{path}: {name}" for path in chosen for name in found((PACKAGE / path).read_text(), judge)}


def test_only_the_store_writes() -> None:
    # The testing room makes directories for the experiments that it hosts, and patches what it watches.
    assert found_in_package(writes, "store", "testing") == ALLOWED


def test_the_store_writes_through_its_seam() -> None:
    found = {place for place in found_in_package(writes) if place.startswith("store/")}
    assert {place for place in found if not place.startswith(SEAM)} == READING
    named = {path.name: system_calls(path.read_text()) for path in (PACKAGE / "store").glob("*.py")}
    assert len(named.pop("disk.py")) > 8
    readers = {"lock.py", "reading.py", "held_directory.py"}
    assert {name: calls for name, calls in named.items() if calls} == {name: {"open"} for name in readers}


def system_calls(source: str) -> set[str]:
    """Return what of ``os`` that changes a disk is named in ``source``, called or not."""
    changing = {*CHANGING_OF["os"], "pwrite", "ftruncate", "fsync", "fdatasync"}
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)]
    owners = {(node.value.id, node.attr) for node in nodes if isinstance(node.value, ast.Name)}
    return {name for owner, name in owners if owner == "os" and name in changing}


def test_nothing_loads_what_could_run() -> None:
    assert found_in_package(loads_unsafely) == set()


@pytest.mark.parametrize(
    "code",
    [
        "open(path, 'w')",
        "open(path, mode='ab')",
        "open(path, 'r+')",
        "open(path, mode)",
        "path.open('x')",
        "io.open(path, 'w')",
        "path.write_text(text)",
        "path.touch()",
        "path.mkdir()",
        "path.unlink()",
        "path.rename(other)",
        "path.replace(other)",
        "os.open(path, flags)",
        "os.write(fd, data)",
        "shutil.rmtree(path)",
        "torch.save(model, path)",
        "np.save(path, array)",
        "frame.to_csv(path)",
        "pq.write_table(table, path)",
        "json.dump(value, file)",
        "logging.FileHandler(path)",
        "tempfile.NamedTemporaryFile()",
    ],
)
def test_a_call_that_writes_is_found(code: str) -> None:
    assert list(found(code, writes))


@pytest.mark.parametrize(
    "code",
    [
        "open(path)",
        "open(path, 'rb')",
        "path.open(encoding='utf-8')",
        "text.replace('a', 'b')",
        "frame.to_csv(index=False)",
        "replace(a, b=1)",
    ],
)
def test_a_call_that_only_reads_is_not(code: str) -> None:
    assert not list(found(code, writes))


@pytest.mark.parametrize(
    "code",
    [
        "pickle.load(file)",
        "pickle.loads(data)",
        "torch.load(path)",
        "torch.load(path, weights_only=True)",
        "load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader)",
        "joblib.load(path)",
    ],
)
def test_a_call_that_loads_unsafely_is_found(code: str) -> None:
    assert list(found(code, loads_unsafely))
