"""A folder with files of the user's own, in which command lines run.

In this process, as a fork composes its config and imports the user's files anew, twice the time of a small run; in a
warm process what is to be killed or needs one for itself.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from hashlib import sha256
from io import StringIO
from pathlib import Path

from command_line import Warm  # type: ignore[import-not-found]

from alrun.cli.main import main


class Folder:
    """Runs command lines below ``folder``.

    Attributes:
        folder: Where they run.
    """

    def __init__(self, warm: Warm, folder: Path, files: Mapping[str, str], common: Sequence[str] = ()) -> None:
        """Write ``files``, text by path; every command line begins with ``common``."""
        self.folder = folder
        self._warm = warm
        self._common = tuple(common)
        self._modules = [Path(name).stem for name in files if "/" not in name]
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def start(
        self, *words: str, die_at: str | None = None, code: str | None = None, alone: bool = False
    ) -> tuple[int, str]:
        """Run a command to its end and return exit code and output.

        Args:
            words: Its words.
            die_at: It gets SIGKILL when a file that matches is there.
            code: A program to run in place of ``alrun``.
            alone: In a process of its own, as with either of these.
        """
        if alone or die_at or code:
            answer = self._warm.run(self.folder, *self._common, *words, die_at=die_at, code=code)
            return answer.code, answer.out + answer.err
        said, path = StringIO(), list(sys.path)
        try:
            with chdir(self.folder), redirect_stdout(said), redirect_stderr(said):
                return main([*self._common, *words]), said.getvalue()
        finally:
            sys.path[:] = path
            for name in self._modules:
                sys.modules.pop(name, None)

    def finish(self, *words: str, alone: bool = False) -> Path:
        """Run a command to its end and return its run directory; one of ``words`` gives its name."""
        code, told = self.start(*words, alone=alone)
        assert code == 0, told
        return self.run(next(word.removeprefix("name=") for word in words if word.startswith("name=")))

    def finish_named(self, name: str, *words: str) -> Path:
        """Run a command to its end under ``name``."""
        return self.finish(f"name={name}", *words)

    def finish_in_two(self, name: str, *words: str) -> Path:
        """Kill the run inside the training of its third step, then let it go on."""
        pattern = f"outputs/{name}/*/checkpoints/step_2/training.epoch_2"
        code, told = self.start(f"name={name}", *words, die_at=pattern)
        assert code == -9, told
        return self.finish_named(name, *words)

    def run(self, name: str) -> Path:
        """Return the run directory of that name."""
        (found,) = (self.folder / "outputs" / name).glob("*/run.json")
        return found.parent


def promised(run: Path) -> Mapping[str, str]:
    """Return the SHA-256 of all that a resumed run shares with one that was never interrupted."""
    names = [run / "records.parquet", run / "acquisitions.parquet", run / "labels" / "labels.jsonl"]
    files = [*names, *run.glob("checkpoints/step_*/*/*")]
    return {str(path.relative_to(run)): sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()}
