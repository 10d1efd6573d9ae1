"""``alrun view [DIR]``: runs in the browser, as they go on; or the same pages as files."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from alrun.cli.arguments import add_json, command, parse, print_json
from alrun.core.errors import ConfigError, Problem

__all__ = ["run"]


def run(argv: list[str]) -> int:
    """Serve the page until it is interrupted, or write it; return 0.

    Raises:
        ConfigError: There is no such directory, the port is in use, or a library is missing.
    """
    parser = command("view", "Show runs in the browser as they go on: curves, picks, settings, log, files.")
    help_text = "a directory that contains runs, or a run (default: outputs)"
    parser.add_argument("directory", nargs="?", type=Path, default=Path("outputs"), metavar="DIR", help=help_text)
    parser.add_argument("--port", type=int, help="port on this machine (default: 8421, or any free one)")
    parser.add_argument("--bundle", type=Path, metavar="OUT", help="write all pages as files that need no server")
    add_json(parser)
    arguments = parse(parser, argv)
    _check(arguments.directory)
    if arguments.bundle is not None:
        return _write(arguments.directory, arguments.bundle, as_json=arguments.json)
    from alrun.viewer.server import serve

    # Where a shell has put it in the background, the interrupt that ends the server is not raised here.
    with suppress(KeyboardInterrupt):
        serve(arguments.directory, arguments.port, _tell_json if arguments.json else _tell)
    sys.stderr.write("view ended\n")
    return 0


def _check(directory: Path) -> None:
    try:
        is_there = directory.is_dir()
    except OSError:  # a name that is too long
        is_there = False
    if not is_there:
        raise ConfigError(
            Problem("no such directory", str(directory), "alrun view DIR, or a first run: alrun query=entropy")
        )


def _write(directory: Path, out: Path, *, as_json: bool) -> int:
    """Write the pages; those of another bundle there are replaced."""
    from alrun.store.files import make_directory, write_atomic
    from alrun.viewer.bundle import bundle_files

    count = 0
    make_directory(out)
    for name, content in bundle_files(directory):
        write_atomic(out / name, content, durable=False)
        count += 1
    if as_json:
        print_json({"bundle": out / "index.html", "files": count})
    else:
        sys.stdout.write(f"written: {count} files; open {out / 'index.html'}\n")
    return 0


def _tell(address: str) -> None:
    sys.stdout.write(f"{address}\nEnd with Ctrl-C. Whoever has this address can look at the runs.\n")
    sys.stdout.flush()


def _tell_json(address: str) -> None:
    print_json({"address": address})
    sys.stdout.flush()
