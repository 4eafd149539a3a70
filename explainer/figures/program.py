"""The code behind a figure as a reader sees and runs it: one text that needs nothing of the project.

A program is a function of ``explainer.programs``. The text holds the imports, the source of all that the function calls
there, its own source, and the call at the reader's settings.
"""

from __future__ import annotations

import ast
import functools
import graphlib
import importlib
import inspect
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings

ROOM = "explainer.programs"
LINE = 120  # characters of a line of code


@dataclass(frozen=True)
class Piece:
    """One definition at the top level of a program's file, with the comments above it.

    Attributes:
        module: the file's dotted name.
        name: what it defines.
        is_function: a function or a class, not a constant.
        lines: its first line in the file, and the first one after it.
        source: these lines.
        mentions: every name in it.
    """

    module: str
    name: str
    is_function: bool
    lines: tuple[int, int]
    source: str
    mentions: frozenset[str]


@dataclass(frozen=True)
class File:
    """A program's file, taken apart.

    Attributes:
        pieces: what it defines, by name.
        inside: the file that each name imported from this room comes from.
        outside: the line that imports each name from elsewhere.
    """

    pieces: Mapping[str, Piece]
    inside: Mapping[str, str]
    outside: Mapping[str, str]


@functools.cache
def _read(module: str) -> File:
    text = inspect.getsource(importlib.import_module(module))
    lines, pieces, inside, outside = text.splitlines(), {}, {}, {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            source = getattr(node, "module", None)
            for alias in node.names:
                if source and source.startswith(ROOM):
                    inside[alias.name] = source
                else:
                    outside[alias.asname or alias.name] = (f"from {source} " if source else "") + (
                        f"import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
                    )
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Assign):
            is_function = not isinstance(node, ast.Assign)
            name = node.name if is_function else node.targets[0].id
            first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))]) - 1
            while lines[first - 1].startswith("#"):
                first -= 1
            source = "\n".join(lines[first : node.end_lineno])
            mentions = frozenset(one.id for one in ast.walk(node) if isinstance(one, ast.Name))
            pieces[name] = Piece(module, name, is_function, (first, node.end_lineno), source, mentions)
    return File(pieces, inside, outside)


def needed(*functions: Callable) -> tuple[Piece, ...]:
    """The functions of ``explainer.programs`` and all that they call there, each piece after those that it needs."""
    found: dict[str, set[str]] = {}

    def find(module: str, name: str) -> None:
        file = _read(module)
        if name in file.inside:
            find(file.inside[name], name)
        elif name in file.pieces and name not in found.setdefault(module, set()):
            found[module].add(name)
            for other in sorted(file.pieces[name].mentions):
                find(module, other)

    for function in functions:
        find(function.__module__, function.__name__)
    arrows = {module: sorted(set(_read(module).inside.values()) & set(found)) for module in found}
    return tuple(
        piece
        for module in graphlib.TopologicalSorter(arrows).static_order()
        for name, piece in _read(module).pieces.items()
        if name in found[module]
    )


def imports(pieces: Iterable[Piece]) -> str:
    """The lines that import what the pieces need from outside: the standard library first, then the others."""
    used = {line for piece in pieces for name, line in _read(piece.module).outside.items() if name in piece.mentions}
    groups: dict[bool, list[str]] = {True: [], False: []}
    for line in sorted(used, key=lambda line: (line.startswith("from"), line)):
        groups[line.split()[1].split(".")[0] in sys.stdlib_module_names].append(line)
    return "\n\n".join("\n".join(group) for group in groups.values() if group)


def text(pieces: Iterable[Piece]) -> str:
    """The pieces one below the other, as far apart as in a well-formatted file."""
    code, before = "", None
    for piece in pieces:
        if before is not None:
            follows = (piece.module, piece.lines[0]) == (before.module, before.lines[1])
            code += "\n\n\n" if piece.is_function or before.is_function else "\n" if follows else "\n\n"
        code, before = code + piece.source, piece
    return code


def literal(value: object) -> str:
    """A value as Python writes it, text in double quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple):
        return f"({', '.join(map(literal, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def _line(argument: str) -> str:
    """One argument on a line of its own; a long tuple with one value a line."""
    line = f"    {argument},"
    if len(line) > LINE:
        name, _, values = argument.partition("=(")
        rows = "".join(f"        {value},\n" for value in values.rstrip(",)").split(", "))
        line = f"    {name}=(\n{rows}    ),"
    return line + "\n"


@dataclass(frozen=True, eq=False)
class Program:
    """The few lines of plain torch behind a figure.

    Attributes:
        function: one of ``explainer.programs``. It returns the figure's numbers by line, or several columns of a line
            as a dictionary of their own.
        column: the column of the figure's first table that holds these numbers; "" where the figure has no lines and
            the function returns columns.
        fixed: the arguments that are no control; a function of the settings where they follow from them.
        minutes: whether it runs for longer than a reader waits.
    """

    function: Callable[..., Mapping]
    column: str = ""
    fixed: Mapping[str, object] = field(default_factory=dict)
    minutes: bool = False

    def arguments(self, settings: Settings) -> dict[str, object]:
        """What the function is called with at these settings."""
        fixed = {name: value(settings) if callable(value) else value for name, value in self.fixed.items()}
        parameters = inspect.signature(self.function).parameters
        return {name: fixed[name] if name in fixed else getattr(settings, name) for name in parameters}

    def call(self, settings: Settings, by_name: bool = False) -> str:
        """The call of the function, with the reader's values or, ``by_name``, with variables that hold them."""
        arguments = [
            name if by_name and name in CONTROL and name not in self.fixed else f"{name}={literal(value)}"
            for name, value in self.arguments(settings).items()
        ]
        inside = ", ".join(arguments)
        if len(f"figure = {self.function.__name__}({inside})") > LINE:
            inside = f"\n    {inside}\n" if len(inside) <= LINE - 4 else "\n" + "".join(map(_line, arguments))
        return f"{self.function.__name__}({inside})"

    def code(self, settings: Settings) -> str:
        """The whole program at the reader's settings, ready to run; it leaves its numbers in ``figure``."""
        pieces = needed(self.function)
        space = "\n\n\n" if pieces[0].is_function else "\n\n"
        return f"{imports(pieces)}{space}{text(pieces)}\n\n\nfigure = {self.call(settings)}\nprint(figure)\n"
