"""``alrun ls [GROUP [NAME]]``: knobs, config groups and their options, or the classes that may be named."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from alrun.cli.arguments import add_json, command, parse, print_json
from alrun.cli.method_table import LEGEND, Setting, citation, method_table, read_setting
from alrun.core.errors import ConfigError, Problem
from alrun.core.knobs import Knob, iterate_terms, written
from alrun.core.settings import Config
from alrun.core.suggest import did_you_mean

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Option", "knobs", "option_files", "read_header", "read_options", "run", "target_lines"]

# The files of `hydra/` configure Hydra itself.
HIDDEN = frozenset({"hydra"})
KNOBS = "knobs"
COLUMNS = ("group", "name", "description", "command")
# From this width on a group of methods has a row for each of them.
WIDE = 100


class Option(NamedTuple):
    """YAML file of a config group with its description and an example command, or a knob with its default."""

    group: str
    name: str
    description: str
    command: str
    setting: Setting | None = None


def run(argv: list[str]) -> int:
    """Print the options of all groups, or of one.

    Raises:
        ConfigError: There is no such group, or no such config directory.
    """
    from alrun.cli.console import new_console
    from alrun.config.paths import conf_dir

    parser = command("ls", "List knobs, config groups and their options, each with a description and an example.")
    parser.add_argument("group", nargs="?", metavar="GROUP", help="show only this group, e.g. query, training or knobs")
    parser.add_argument("name", nargs="?", metavar="NAME", help="show only this option, with what its docstring cites")
    parser.add_argument("--targets", action="store_true", help="list what each _target_ may name without --trust")
    parser.add_argument("--config-dir", type=Path, metavar="DIR", help="also list the options in DIR")
    add_json(parser)
    arguments = parse(parser, argv)
    folders = [conf_dir(), *([arguments.config_dir] if arguments.config_dir else [])]
    if not folders[-1].is_dir():
        raise ConfigError(Problem("no such directory", "--config-dir", f"create it, or omit {folders[-1]}"))
    groups = read_options(folders)
    known = {KNOBS, *groups, *(key.split(".")[0] for key, _ in iterate_terms(Config) if "." in key)}
    if arguments.group is not None and arguments.group not in known:
        raise ConfigError(
            Problem(f"there is no group {arguments.group!r}", hint=did_you_mean(arguments.group, known, most=None))
        )
    if arguments.targets:
        sys.stdout.writelines(f"{line}\n" for line in target_lines(arguments.group))
        return 0
    if arguments.name is not None:
        groups = {arguments.group: [_named(arguments.name, arguments.group, groups.get(arguments.group, []))]}
    shown = {group: groups[group] for group in ([arguments.group] if arguments.group else groups) if group in groups}
    if arguments.name is None and (found := knobs(arguments.group)):
        shown[KNOBS] = found
    if arguments.json:
        print_json([_as_json(one) for options in shown.values() for one in options])
        return 0
    console = new_console()
    rows = arguments.group and arguments.name is None and console.width >= WIDE
    for group, options in shown.items():
        if rows and any(one.setting for one in options):
            described = [(one.name, one.description, one.setting) for one in options]
            console.print(method_table(group, described, console.width))
            console.print(LEGEND, style="dim")
        else:
            console.print(option_table(group, options), "")
    if arguments.name is not None:
        console.print(citation(option_files(folders)[arguments.group, arguments.name]))
    return 0


def _named(name: str, group: str, options: Sequence[Option]) -> Option:
    found = next((one for one in options if one.name == name), None)
    if found is None:
        what = f"the group {group} has no option {name!r}"
        raise ConfigError(Problem(what, hint=did_you_mean(name, [one.name for one in options], most=None)))
    return found


def _as_json(option: Option) -> dict[str, str]:
    return {name: getattr(option, name) for name in COLUMNS} | (asdict(option.setting) if option.setting else {})


def target_lines(group: str | None = None) -> Iterator[str]:
    """Yield, for each place of a config or of one of its groups, what may be built there and the names of all choices.

    Places that take the same are listed together. Imports the libraries.
    """
    from alrun.config.offers import offered
    from alrun.config.slots import SLOTS, Slot

    together: dict[tuple[str, ...], list[Slot]] = {}
    for slot in SLOTS:
        if group is None or slot.place.split(".")[0] in (group, "**"):
            together.setdefault((slot.noun, *sorted(offered(slot))), []).append(slot)
    for (noun, *names), slots in together.items():
        yield f"{', '.join(slot.place for slot in slots)}: {noun}"
        yield from (f"  {name}" for name in names or ["(only what --trust names)"])


def knobs(group: str | None = None) -> list[Option]:
    """Return the knobs and the parts that may be null, all or those below one key: description, default and type."""
    found = []
    for key, term in iterate_terms(Config):
        if (isinstance(term, Knob) or term.null) and (group in (None, KNOBS) or key.startswith(f"{group}.")):
            default = written(term.default) if isinstance(term, Knob) else "null"
            found.append(Option(KNOBS, key, term.doc, f"{key}={default} ({term.noun.removeprefix('a ')})"))
    return found


def read_options(folders: Sequence[Path]) -> dict[str, list[Option]]:
    """Return the options by group; if two folders hold the same option the first folder wins, as in Hydra."""
    groups: dict[str, list[Option]] = {}
    for (group, name), path in option_files(folders).items():
        groups.setdefault(group, []).append(Option(group, name, *read_header(path), read_setting(path)))
    return groups


def option_files(folders: Sequence[Path]) -> dict[tuple[str, str], Path]:
    """Return the file of each (group, option), in their order."""
    found: dict[tuple[str, str], Path] = {}
    for folder in folders:
        for path in folder.rglob("*.yaml"):
            group, _, name = path.relative_to(folder).with_suffix("").as_posix().partition("/")
            if name and group not in HIDDEN:
                found.setdefault((group, name), path)
    return dict(sorted(found.items()))


def read_header(path: Path) -> tuple[str, str]:
    """Return the first two lines of the comment that opens a YAML file; Hydra's ``@`` directives are not part of it."""
    lines: list[str] = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if not line.startswith("#") or len(lines) == 2:
                break
            text = line.lstrip("#").strip()
            if not text.startswith("@"):
                lines.append(text)
    first, second, *_ = [*lines, "", ""]
    return first, second


def option_table(group: str, options: Sequence[Option]) -> Table:
    """Return the table of one group."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=group, title_justify="left", title_style="bold", box=None, show_header=False, pad_edge=False)
    table.add_column(style="cyan", no_wrap=True, min_width=18)
    table.add_column()
    for option in options:
        description = Text(option.description)
        if option.setting and option.setting.paper:
            description.append(f"\n{option.setting.paper}", style="italic")
        table.add_row(
            option.name, description.append(f"\n{option.command}", style="dim") if option.command else description
        )
    return table
