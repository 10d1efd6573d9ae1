"""The MLflow server that the tests of trackers share."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from mlflow_server import Server  # type: ignore[import-not-found]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server | None]:
    """A server that answers; nothing where MLflow, or what its server needs, is not installed."""
    if not all(find_spec(name) for name in ("mlflow", "flask", "flask_cors", "sqlalchemy", "alembic")):
        yield None
        return
    with Server(tmp_path_factory.mktemp("mlflow")) as started:
        yield started
