"""The command line as fixtures; and one compute thread a process.

Models are tiny here, and pytest-xdist has a process for each core already. ``tests/command_line.py`` says which fixture
is for what. ``scripts/suite_under_load.sh`` runs all tests beside busy loops.

Longer versions of tests, by environment variable:

- ``ALRUN_ALL_POINTS=1``: every point of ``crash/test_write_points.py`` and ``crash/test_bad_batches.py``, and every
  event of ``driver/test_events.py``, not a sample;
- ``ALRUN_DAMAGES=500``: so many damages of ``crash/test_damage.py``;
- ``ALRUN_EXAMPLES=500``: so many histories of ``crash/test_state_machine.py``;
- ``ALRUN_KILLS=60``: each case of ``crash/test_kill.py`` and ``crash/test_kill_sweep.py`` is killed sixty times, and
  joblib's parent without its workers, which the default suite does in ``crash/test_orphans.py`` alone; workers of
  joblib in ``cli/test_retries.py`` and a server of MLflow in ``logger/test_trackers.py`` are killed, too, and the run
  of the latter three times, not once;
- ``ALRUN_CRASH_STATES=200``: so many states of each history of ``crash/test_crash_states.py``;
- ``ALRUN_SWEEPS=200``: so many sweeps of ``config/test_sweep.py``;
- ``ALRUN_STEPS=1000``: the run of ``crash/test_durability_cost.py`` that must not grow in memory has so many steps;
- ``ALRUN_HOSTILE=1``: every place of ``security/test_hostile_runs.py`` and ``test_hostile_views.py``, a hundred
  thousand metrics in one of its runs, and every file of ``security/test_hostile_files.py``, not one of each format;
- ``ALRUN_UMAP=1``: the map of ``metrology/test_pool_map.py`` by UMAP, whose compiler takes minutes;
- ``ALRUN_DRAWS=20000``: so many draws of ``query/test_kmeans_plus_plus.py`` are compared with their distribution.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from command_line import SMALL, Alrun, Answer, Warm, only_run  # type: ignore[import-not-found]
from hypothesis import HealthCheck, settings

from alrun.core.lean_imports import put_off

# Before anything imports torch; commands that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A thread that waits sleeps: where a convolution has two of them, they wait for a core that another worker has.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# As every command does: a third of the time of collecting otherwise, in each worker.
put_off()
# How long an example takes says how busy the machine is.
settings.register_profile("alrun", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("alrun")
# In memory where there is room: the suite waits for some ten thousand flushes, of which no test asks that a disk has
# them; those that ask what a power cut leaves count the calls.
MEMORY = Path("/dev/shm")  # noqa: S108
if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 << 30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


ENTRY_POINTS = metadata.entry_points


@lru_cache
def _found(path: tuple[str, ...], asked: tuple[tuple[str, str], ...]) -> Any:
    return ENTRY_POINTS(**dict(asked))


# Each Fabric asks for them, for which a file of every package that is installed is read: a twentieth of a small run.
metadata.entry_points = lambda **asked: _found(tuple(sys.path), tuple(asked.items()))
# A quarter of the time of collecting, which every worker does; until ``pytest_runtestloop``.
gc.disable()
HERE = Path(__file__).parent
SLOW = [line for line in (HERE / "slow.txt").read_text().splitlines() if not line.startswith("#")]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import nothing of what is left out whole: that would take longer than the tests of a room."""
    return True if config.option.markexpr == "not slow" and collection_path in {HERE / name for name in SLOW} else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what ``slow.txt`` names: the one place that says what is slow."""
    slow = [(HERE / path, name) for path, _, name in (line.partition("::") for line in SLOW)]
    files = {item.path for item in items}
    named = {file: {name for path, name in slow if file.is_relative_to(path)} for file in files}
    for item in items:
        if named[item.path] & {"", item.name.partition("[")[0]}:
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Leave what was imported and collected out of garbage collection, which would go over it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 10, 10)
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each worker a stretch of the tests, and what others have left: what tests of a file share is made once."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log) if config.getoption("dist") == "load" else None


@pytest.fixture
def alrun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Alrun]:
    """``alrun(*words)`` in an empty working directory, in this process, which forgets the modules of that directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    from alrun.cli.main import main

    def run(*words: str) -> Answer:
        capsys.readouterr()
        code = main(list(words))
        return Answer(code, *capsys.readouterr())

    yield run
    # Texts, not paths: there are some four thousand modules, and this comes after each of a thousand tests.
    files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
    for name in [name for name, file in files.items() if file.startswith(f"{tmp_path}{os.sep}")]:
        del sys.modules[name]


@pytest.fixture(scope="session")
def warm_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """The process that forks; for fixtures of a wider scope than ``warm``, which wait for what they start."""
    with Warm(tmp_path_factory.mktemp("said")) as process:
        yield process


@pytest.fixture
def warm(warm_process: Warm) -> Iterator[Warm]:
    """Commands in processes of their own; none outlives the test."""
    yield warm_process
    warm_process.end_all()


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory of ``SMALL``, finished; to be copied, never to be changed."""
    from alrun.cli.main import main

    folder = tmp_path_factory.mktemp("small")
    assert main([*SMALL, f"output_dir={folder}"]) == 0
    return Path(only_run(folder))
