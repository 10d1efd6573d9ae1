"""``alrun new KIND NAME``: module, config option and test of a new strategy, which work unchanged."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path

import alrun
from alrun.cli.arguments import add_json, command, parse, print_json
from alrun.cli.templates import TEMPLATES, Template
from alrun.config.paths import conf_dir
from alrun.config.targets import WHOLLY
from alrun.core.errors import ConfigError, Problem
from alrun.core.showing import printable
from alrun.core.suggest import did_you_mean

__all__ = ["new_files", "run"]

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST = 30
OWN = "alrun"


def run(argv: list[str]) -> int:
    """Write the files, none of which may exist, and print the next commands.

    Raises:
        ConfigError: The kind is unknown, the name or the package cannot be used, or one of the files exists.
    """
    arguments = _arguments(argv)
    kind, name, package = arguments.kind, arguments.name, arguments.into or OWN
    problems = [*_name_problems(kind, name), *_package_problems(kind, name, package)]
    if problems:
        raise ConfigError(problems)
    files = new_files(kind, name, package)
    taken = [path for path in files if path.exists() or path.is_symlink()]
    if taken:
        hint = f"alrun new {kind} {name}_2{'' if package == OWN else f' --into {package}'}"
        raise ConfigError([Problem("this file exists already", str(path), hint) for path in taken])
    _write(files)
    typed = {"run": _command(TEMPLATES[kind], name, package), "test": f"python -m pytest {[*files][-1]}"}
    if arguments.json:
        print_json({"files": list(files), **typed})
        return 0
    for line in [*(f"written: {path}" for path in files), *(f"{word + ':':<9}{text}" for word, text in typed.items())]:
        print(printable(line))  # noqa: T201 - a command talks to its user
    return 0


def new_files(kind: str, name: str, package: str) -> dict[Path, str]:
    """Return the texts of module, config option and test by path, relative to the working directory.

    Before them come the ``__init__.py`` of packages that do not exist yet.
    """
    template = TEMPLATES[kind]
    module = Path(*package.split("."), template.group, f"{name}.py")
    folders = reversed(module.parents[:-1])
    return {
        **{folder / "__init__.py": f'"""{folder.name}."""\n' for folder in folders if _lacks_init(folder)},
        module: _module(template, name, package),
        Path("conf", template.group, f"{name}.yaml"): _option(template, name, package),
        Path("tests", template.group, f"test_{name}_{kind}.py"): _test(template, name, package),
    }


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = command("new", "Write a new strategy: a module, a config option and a test, which work unchanged.")
    parser.add_argument("kind", nargs="?", metavar="KIND", help=", ".join(TEMPLATES))
    parser.add_argument("name", nargs="?", metavar="NAME", help="its name in configs, e.g. mine")
    parser.add_argument("--into", metavar="PACKAGE", help="package to write to, in this folder; default: alrun itself")
    add_json(parser)
    arguments = parse(parser, argv)
    if arguments.kind is None or arguments.name is None:
        kinds = ", ".join(TEMPLATES)
        raise ConfigError(Problem("give a kind and a name", f"kinds: {kinds}", "alrun new query mine --into my_pkg"))
    if arguments.kind not in TEMPLATES:
        raise ConfigError(Problem(f"there is no kind {arguments.kind!r}", "", did_you_mean(arguments.kind, TEMPLATES)))
    return arguments


def _name_problems(kind: str, name: str) -> Iterable[Problem]:
    if not NAME.fullmatch(name) or len(name) > LONGEST or iskeyword(name):
        what = f"{name!r} is not a valid name: use at most {LONGEST} lower-case letters, digits and single underscores"
        yield Problem(what, "", f"alrun new {kind} mine")
    elif iskeyword(_class_name(name)) or _class_name(name) in _words(TEMPLATES[kind]):
        yield Problem(f"the class name {_class_name(name)} is in use already", "", f"alrun new {kind} my_{name}")
    elif (conf_dir() / TEMPLATES[kind].group / f"{name}.yaml").is_file():
        group = TEMPLATES[kind].group
        yield Problem(f"alrun has {group}={name} already", "", f"alrun new {kind} my_{name}")


def _package_problems(kind: str, name: str, package: str) -> Iterable[Problem]:
    example = f"alrun new {kind} mine --into my_pkg"
    root = package.split(".")[0]
    if package == OWN:
        if Path(alrun.__file__).resolve().parents[1] != Path.cwd().resolve():
            yield Problem("this folder is not a checkout of alrun", "", f"name a package: {example}")
    elif not all(part.isidentifier() and "__" not in part and not iskeyword(part) for part in package.split(".")):
        yield Problem(f"{package!r} is not a valid package name", "--into", example)
    elif root in WHOLLY or _lies_elsewhere(root):
        yield Problem(f"{root} is the name of another package", "--into", example)


def _lies_elsewhere(package: str) -> bool:
    """Return whether an installed package of that name would be imported in place of the one in this folder."""
    spec = find_spec(package)
    places = [] if spec is None else [*(spec.submodule_search_locations or ()), *([spec.origin] if spec.origin else [])]
    return spec is not None and not any(Path(place).resolve().is_relative_to(Path.cwd().resolve()) for place in places)


def _lacks_init(folder: Path) -> bool:
    return not (folder / "__init__.py").exists()


def _words(template: Template) -> set[str]:
    """Return every word of the imports, which a class must not be called by."""
    return set(re.findall(r"\w+", " ".join([*template.imports, *template.test_imports])))


def _write(files: Mapping[Path, str]) -> None:
    from alrun.store.files import make_directory, write_atomic

    for path, text in files.items():
        make_directory(path.parent)
        write_atomic(path, text.encode())


def _option(template: Template, name: str, package: str) -> str:
    target = f"{package}.{template.group}.{name}.{_class_name(name)}"
    lines = [f"_target_: {target}", *(line.replace("mine", name) for line in template.arguments)]
    body = [f"{name}:", *(f"  {line}" for line in lines)] if template.keyed else lines
    head = [template.summary, _command(template, name, package), *filter(None, [template.setting])]
    return "\n".join([*(f"# {line}" for line in head), *body, ""])


def _command(template: Template, name: str, package: str) -> str:
    own = "" if package == OWN else f"--config-dir conf --trust {package} "
    return f"alrun {own}{_renamed(template.command, name)}"


def _module(template: Template, name: str, package: str) -> str:
    offered = f'__all__ = ["{_class_name(name)}"]\n\n'
    return _python(template.summary, template.imports, f"{offered}{template.body}", name, package)


def _test(template: Template, name: str, package: str) -> str:
    subject = f"from {package}.{template.group}.{name} import {_class_name(name)}"
    imports = [*template.test_imports, subject]
    summary = f"{_class_name(name)} as the suites of alrun.testing see it."
    return _python(summary, imports, template.test, name, package)


def _python(summary: str, imports: Iterable[str], body: str, name: str, package: str) -> str:
    head = f'"""{summary}"""\n\nfrom __future__ import annotations\n\n'
    return f"{head}{_sorted(imports, package)}\n{_renamed(body, name)}"


def _sorted(imports: Iterable[str], package: str) -> str:
    """Return import lines in the order of isort: standard library, other packages, ``package``."""
    sections: tuple[list[str], ...] = ([], [], [])
    for line in imports:
        root = line.split()[1].split(".")[0]
        sections[2 if root == package.split(".")[0] else 0 if root in sys.stdlib_module_names else 1].append(line)
    order = [sorted(lines, key=lambda line: (line.startswith("from"), line.split()[1])) for lines in sections]
    return "\n".join("".join(f"{line}\n" for line in lines) for lines in order if lines)


def _renamed(text: str, name: str) -> str:
    return re.sub(r"\bmine\b", name, re.sub(r"\b(Test)?Mine\b", rf"\g<1>{_class_name(name)}", text))


def _class_name(name: str) -> str:
    return "".join(word.title() for word in name.split("_"))
