"""Run directories as an attacker would send them: places, what is put there, and contents that are well formed."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import rmtree
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alrun.store.codec import compact_json
from alrun.store.label_lines import rendered
from alrun.store.rundir import RunDirectory

FILES = (
    "run.json",
    "config.yaml",
    ".lock",
    "alrun.log",
    "timing.csv",
    "records.parquet",
    "acquisitions.parquet",
    "labels/labels.jsonl",
    "checkpoints/step_1/query/MANIFEST.json",
    "checkpoints/step_1/training/weights.safetensors",
    "metrology/classification/records.json",
)
FOLDERS = (
    "checkpoints",
    "checkpoints/step_1",
    "checkpoints/step_1/query",
    "labels",
    "metrology",
    "metrology/classification",
    "callbacks",
    "csv",
)
ESCAPE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\u200b\r\n2026-01-01 INFO forged[bold red]x[/]"
#: What an edit is given: the run, and a folder outside in which nothing may be read or written.
Edit = Callable[[Path, Path], object]


def emptied(path: Path) -> Path:
    """Make room for something else at ``path``."""
    if path.is_dir() and not path.is_symlink():
        rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def socket_at(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(path.parent)  # the name of a socket is short
        try:
            made.bind(path.name)
        finally:
            os.chdir(here)


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 36)


KINDS: dict[str, Callable[[Path, Path], Any]] = {
    "FIFO": lambda path, outside: os.mkfifo(path),
    "link outside": lambda path, outside: path.symlink_to(outside / ("sprung" if path.suffix else "folder")),
    "link to itself": lambda path, outside: path.symlink_to(path.name),
    "link to /dev/zero": lambda path, outside: path.symlink_to("/dev/zero"),
    "socket": lambda path, outside: socket_at(path),
    "sparse": lambda path, outside: sparse(path),
    "folder": lambda path, outside: path.mkdir(),
    "junk": lambda path, outside: path.write_bytes(b"\x00\xff[{" * 4096),
}


def placed(name: str, kind: str) -> Edit:
    """Return an edit that puts something of ``kind`` in the place of ``name``."""
    return lambda run, outside: KINDS[kind](emptied(run / name), outside)


def info(**fields: Any) -> Edit:
    """Return an edit of ``run.json`` that leaves its digest true."""

    def edit(run: Path, outside: Path) -> None:
        directory = RunDirectory(run)
        directory.write_info({**json.loads((run / "run.json").read_bytes()), **fields})

    return edit


def write_info(run: Path, content: Any) -> None:
    body = {key: value for key, value in content.items() if key != "digest"}
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    (run / "run.json").write_text(json.dumps({**body, "digest": digest}))


def raw_info(**fields: Any) -> Edit:
    """Return the same for values that alrun would not write."""
    return lambda run, outside: write_info(run, json.loads((run / "run.json").read_bytes()) | fields)


def config(text: str, *, behind: bool = False) -> Edit:
    """Return an edit that writes ``config.yaml``, or adds to it."""

    def edit(run: Path, outside: Path) -> None:
        before = (run / "config.yaml").read_text() if behind else ""
        (run / "config.yaml").write_text(before + text)

    return edit


def table(name: str, change: Callable[[pa.Table], pa.Table], **options: Any) -> Edit:
    """Return an edit of a table."""

    def edit(run: Path, outside: Path) -> None:
        pq.write_table(change(pq.read_table(run / name)), run / name, **options)

    return edit


def renamed(column: str, value: Any) -> Edit:
    """Return an edit that gives all records ``value``."""
    return table(
        "records.parquet",
        lambda found: found.set_column(found.column_names.index(column), column, pa.array([value] * len(found))),
    )


def many_rows(found: pa.Table) -> pa.Table:
    """Return three million rows that take some kilobytes on the disk."""
    count = 3_000_000
    columns = {name: pa.repeat(found[name][0], 1_000_000) for name in found.column_names}
    one = pa.table(columns, schema=found.schema)
    return pa.concat_tables([one] * (count // len(one)))


def extension(found: pa.Table) -> pa.Table:
    """Return a table whose schema names a type that old libraries would unpickle."""
    bait = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": b"cos\nsystem\n(S'x'\ntR.",
    }
    fields = [field.with_metadata(bait) if field.name == "value" else field for field in found.schema]
    return found.cast(pa.schema(fields, metadata={b"pandas": b"[" * 10_000}))


def manifest(step: int, phase: str, change: Callable[[dict[str, Any]], None]) -> Edit:
    """Return an edit of a commit; it, and all that follow it, have true digests."""

    def edit(run: Path, outside: Path) -> None:
        order = ("training", "metrology", "query", "labeling", "data_integration")
        files = [run / "checkpoints" / f"step_{s}" / p / "MANIFEST.json" for s in range(9) for p in order]
        previous = None
        for path in filter(Path.exists, files):
            body = json.loads(path.read_bytes())
            del body["digest"]
            body["previous"] = body["previous"] if previous is None else previous
            if (body["step"], body["phase"]) == (step, phase):
                change(body)
            previous = hashlib.sha256(compact_json(body)).hexdigest()
            path.write_bytes(compact_json({**body, "digest": previous}))
        write_info(run, json.loads((run / "run.json").read_bytes()) | {"head": previous, "status": "interrupted"})

    return edit


def answer(change: Callable[[dict[str, Any]], Any]) -> Edit:
    """Return an edit of the first line of the label log, whose checksum stays true."""

    def edit(run: Path, outside: Path) -> None:
        log = run / "labels" / "labels.jsonl"
        first, *others = log.read_bytes().splitlines(keepends=True)
        body = json.loads(first)["body"]
        log.write_bytes(rendered(change(body) or body) + b"".join(others))

    return edit


def stated(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda body: body["state"].update(values)


def sparse_weights(run: Path, outside: Path) -> None:
    """Put holes in the place of weights, and say so in the manifest."""
    sparse(run / "checkpoints/step_1/training/weights.safetensors")
    change = {"weights.safetensors": {"size": 1 << 36, "sha256": "0" * 64}}
    manifest(1, "training", lambda body: body["files"].update(change))(run, outside)


def nested(run: Path, outside: Path) -> None:
    """Make folders two hundred levels deep."""
    here = Path.cwd()
    os.chdir(run)
    for _ in range(200):
        os.mkdir("d")  # noqa: PTH102 - one level at a time, whose whole path would be too long
        os.chdir("d")
    os.chdir(here)


def odd_names(run: Path, outside: Path) -> None:
    """Lay folders with names that are no text beside the run, and one such run."""
    for name in (b"\xff\xfe\x9b31m", ESCAPE.replace("/", "").encode(), b"=cmd|x", b"a" * 255):
        place = run.parent / os.fsdecode(name)
        place.mkdir()
        (place / "run.json").write_bytes(b"{")


BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
DOUBLED = "k0: ['${seed}']\n" + "".join(f"k{n}: ['${{k{n - 1}}}', '${{k{n - 1}}}']\n" for n in range(1, 40))
CONTENTS: dict[str, Edit] = {
    "escapes in run.json": raw_info(
        reason=ESCAPE,
        phase=ESCAPE,
        reset=ESCAPE,
        status="failed",
        choices=dict.fromkeys(("data", "learner", "query", ESCAPE), ESCAPE),
        metrics={ESCAPE: 0.5, "accuracy" + ESCAPE: 1},
    ),
    "an unknown status": raw_info(status=ESCAPE),
    "names of a megabyte": raw_info(choices={"query": "q" * 1_000_000}, phase="p" * 1_000_000, reason="r" * 1_000_000),
    "seeds and steps without end": raw_info(seed=10**4000, step=-(10**4000)),
    "metrics without end": raw_info(
        metrics={f"m{number}": 0.1 for number in range(100_000 if os.environ.get("ALRUN_HOSTILE") else 30_000)}
    ),
    "numbers that are none": raw_info(metrics={"accuracy": float("nan"), "nll": float("inf")}, labels=-5),
    "lists for numbers": raw_info(labels=[1], step={}, budget=None),
    "text for mappings": raw_info(choices="entropy", metrics="x", versions=[], extent="y"),
    "half a surrogate": raw_info(reason="\ud800", status="failed"),
    "another format": raw_info(format=10**6),
    "no fields": lambda run, outside: write_info(run, {"format": 1}),
    "deep extent": lambda run, outside: (run / "run.json").write_bytes(b'{"extent":' + b"[" * 900 + b"]" * 900 + b"}"),
    "an alias bomb": config(BOMB),
    "an alias bomb behind the config": config(BOMB, behind=True),
    "an interpolation bomb": config(DOUBLED, behind=True),
    "an interpolation of text": config(
        "".join(f"t{n}: ${{t{n - 1}}}${{t{n - 1}}}\n" for n in range(1, 40)), behind=True
    ),
    "an interpolation of itself": config("z: ${z}\n", behind=True),
    "a thousand interpolations": config(f"z: '{'${seed}' * 5000}'\n", behind=True),
    "deep yaml": config("[" * 100_000),
    "a list of a million": config(f"z: [{'1,' * 400_000}1]\n", behind=True),
    "a tag that runs": config("z: !!python/object/apply:os.system ['touch sprung']\n", behind=True),
    "a number of base sixty": config(f"z: 1{':59' * 100_000}\n", behind=True),
    "escapes in the config": config(f"{json.dumps(ESCAPE)}: {json.dumps(ESCAPE)}\nlearner: {json.dumps(ESCAPE)}\n"),
    "a config of bytes": lambda run, outside: (run / "config.yaml").write_bytes(b"seed: \xff\xfe"),
    "a config that is a list": config("- seed\n"),
    "metrics with escapes": renamed("metric", f"accuracy{ESCAPE}"),
    "metrics that are formulas": renamed("metric", "=HYPERLINK(1)"),
    "labels that are text": renamed("labels", "many"),
    "splits that are lists": renamed("split", ["test"]),
    "records without values": table("records.parquet", lambda found: found.drop_columns(["value"])),
    "three million rows": table("records.parquet", many_rows),
    "types that unpickle": table("records.parquet", extension),
    "three million acquisitions": table("acquisitions.parquet", many_rows),
    "a blob elsewhere": manifest(
        1, "query", lambda body: body.update(files={"../../../../../outside/sprung": {"size": 1, "sha256": "0"}})
    ),
    "a blob without a size": manifest(1, "query", lambda body: body.update(files={"state.safetensors": 3})),
    "weights of holes": sparse_weights,
    "a state that is a list": manifest(1, "query", lambda body: body.update(state=[1, 2])),
    "a state without items": manifest(1, "query", lambda body: body.update(state={})),
    "items that are text": manifest(1, "query", stated(items="abc", scores=None)),
    "a tensor that is not there": manifest(1, "query", stated(items={"__tensor__": "7"})),
    "a record of an unknown kind": manifest(1, "query", stated(items=[{"__annotation__": {"status": ESCAPE}}])),
    "records that are numbers": manifest(1, "metrology", stated(records=5)),
    "deep state": manifest(1, "query", stated(items=json.loads("[" * 80 + "]" * 80))),
    "answers that are escapes": answer(lambda body: body.update(answer=ESCAPE)),
    "an answer to a list": answer(lambda body: body.update(step=[], order={})),
    "an answer that is no mapping": answer(lambda body: [1]),
    "labels elsewhere": answer(lambda body: body.update(file="../../../../outside/sprung", sha256="0" * 64)),
    "labels of another kind": answer(lambda body: body.update(tensors="AAAA")),
    "a step without end": lambda run, outside: (run / "checkpoints" / f"step_{'9' * 200}" / "query").mkdir(
        parents=True
    ),
    "times without end": lambda run, outside: (run / "timing.csv").write_bytes(b"step,phase,seconds\n1,x,1e999\n,\n"),
    "two hundred levels": nested,
    "odd names beside it": odd_names,
}


def cases() -> list[tuple[str, Edit]]:
    """Return hostile runs by what is odd in them: every content, and a fifth of the places, or all of these too."""
    whole = bool(os.environ.get("ALRUN_HOSTILE"))
    # No step divides the number of kinds: each kind comes up, in one place or another.
    files, folders = list(_for_files())[:: 1 if whole else 5], list(_for_folders())[:: 1 if whole else 6]
    return [*files, *folders, *CONTENTS.items()]


def _for_files() -> Iterator[tuple[str, Edit]]:
    for name in FILES:
        for kind in KINDS:
            if kind != "junk" or name != ".lock":
                yield f"{name}: {kind}", placed(name, kind)


def _for_folders() -> Iterator[tuple[str, Edit]]:
    for name in FOLDERS:
        for kind in ("FIFO", "link outside", "link to itself", "socket", "junk"):
            yield f"{name}: {kind}", placed(name, kind)
