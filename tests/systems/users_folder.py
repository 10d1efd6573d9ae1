"""A folder with files of the user's own, in which command lines run as forks of one process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path


class Folder:
    """Runs command lines below ``folder``.

    Attributes:
        folder: Where they run.
    """

    def __init__(self, folder: Path, files: Mapping[str, str], common: Sequence[str] = ()) -> None:
        """Write ``files``, text by path, and start the process; every command line begins with ``common``."""
        self.folder = folder
        self._common = tuple(common)
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        command = [sys.executable, str(Path(__file__).with_name("forked.py"))]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=folder)
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def start(self, *words: str, kill_at: str | None = None) -> tuple[int, str]:
        """Run a command, or kill it when a file that matches ``kill_at`` is there; return exit code and output."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([[*self._common, *words], kill_at]) + "\n")
        self._process.stdin.flush()
        code, told = json.loads(self._line())
        return int(code), str(told)

    def finish(self, *words: str) -> Path:
        """Run a command to its end and return its run directory; one of ``words`` gives its name."""
        code, told = self.start(*words)
        assert code == 0, told
        return self.run(next(word.removeprefix("name=") for word in words if word.startswith("name=")))

    def finish_named(self, name: str, *words: str) -> Path:
        """Run a command to its end under ``name``."""
        return self.finish(f"name={name}", *words)

    def finish_in_two(self, name: str, *words: str) -> Path:
        """Kill the run inside the training of its third step, then let it go on."""
        pattern = f"outputs/{name}/*/checkpoints/step_2/training.epoch_2"
        code, told = self.start(f"name={name}", *words, kill_at=pattern)
        assert code == -9, told
        return self.finish_named(name, *words)

    def run(self, name: str) -> Path:
        """Return the run directory of that name."""
        (found,) = (self.folder / "outputs" / name).glob("*/run.json")
        return found.parent

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def promised(run: Path) -> Mapping[str, str]:
    """Return the SHA-256 of all that a resumed run shares with one that was never interrupted."""
    names = [run / "records.parquet", run / "acquisitions.parquet", run / "labels" / "labels.jsonl"]
    files = [*names, *run.glob("checkpoints/step_*/*/*")]
    return {str(path.relative_to(run)): sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()}
