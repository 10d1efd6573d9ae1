"""Server of the page on this machine alone, until it is interrupted."""

from __future__ import annotations

import errno
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

from alrun.core.errors import ConfigError, Problem

__all__ = ["PORT", "serve"]

HOST = "127.0.0.1"
#: The port where none is named; another one where it is in use.
PORT = 8421
#: Seconds that answers may still take when it ends.
PATIENCE = 2


def serve(root: Path, port: int | None, told: Callable[[str], None]) -> None:
    """Serve the runs below ``root`` until the process is interrupted; ``told`` is given the address.

    Raises:
        ConfigError: The port cannot be had, or the server is not installed.
        KeyboardInterrupt: It was interrupted, and has ended in good order.
    """
    try:
        import uvicorn

        from alrun.viewer.app import application
        from alrun.viewer.guard import Guard
        from alrun.viewer.index import Index
        from alrun.viewer.watcher import Watcher

        _check_parts()
    except ImportError as error:
        what = f"alrun view needs {error.name}, which is not installed"
        raise ConfigError(Problem(what, hint="pip install uvicorn starlette jinja2 vl-convert-python")) from error
    with _listening(port) as listener:
        index, token = Index(root), secrets.token_urlsafe(24)
        watcher, number = Watcher(index), listener.getsockname()[1]
        application_ = application(index, watcher, lambda: server.should_exit)
        config = uvicorn.Config(
            Guard(application_, token, number), log_level="warning", access_log=False, server_header=False,
            proxy_headers=False, timeout_graceful_shutdown=PATIENCE, lifespan="off", ws="none",
        )  # fmt: skip
        server = uvicorn.Server(config)
        watcher.start()
        try:
            told(f"http://{HOST}:{number}/?token={token}")
            server.run([listener])
        finally:
            watcher.stop()


def _check_parts() -> None:
    """Raise ``ImportError`` where a library is missing that only a page asks for."""
    import jinja2  # noqa: F401
    import starlette.applications  # noqa: F401


def _listening(port: int | None) -> socket.socket:
    """Return a socket that listens on ``port``, or on ``PORT`` or any other where none is named.

    Raises:
        ConfigError: It is in use, or may not be had.
    """
    try:
        return socket.create_server((HOST, PORT if port is None else port))
    except (OSError, OverflowError) as error:
        number = error.errno if isinstance(error, OSError) else None
        if port is None and number == errno.EADDRINUSE:
            return socket.create_server((HOST, 0))
        why = {errno.EADDRINUSE: "is in use", errno.EACCES: "needs more rights"}.get(
            number or 0, f"cannot be had: {error}"
        )
        raise ConfigError(
            Problem(f"port {port} {why}", "--port", "leave --port out: any free port is taken")
        ) from error
