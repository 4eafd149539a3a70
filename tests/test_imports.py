"""The import rule: arrows go one way, and each big library stays where it belongs."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "explainer"
APP = "streamlit_app"

MATHS = {
    f"{PACKAGE}.{name}"
    for name in ("cells", "gradients", "networks", "jacobians", "training", "tasks", "number_formats")
}
CHOICES = {f"{PACKAGE}.{name}" for name in ("controls", "settings", "presets")}
DRAWING = {f"{PACKAGE}.{name}" for name in ("figures", "style", "drawings", "network_drawings", "notebook_figures")}


def modules() -> dict[str, Path]:
    """Every module of the project by its dotted name; a package is its ``__init__``."""
    files = [ROOT / f"{APP}.py", *sorted((ROOT / PACKAGE).rglob("*.py"))]
    return {dotted_name(file.relative_to(ROOT)): file for file in files if file.exists()}


def dotted_name(file: Path) -> str:
    return ".".join(part for part in file.with_suffix("").parts if part != "__init__")


def imported(module: str, source: str, is_package: bool = False) -> Iterator[str]:
    """The dotted names that a module imports, wherever in it, relative ones resolved.

    ``from a import b`` gives ``a.b``: whether b is a module or a name within one is not said here.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".") if is_package else module.split(".")[:-1]
                above = parents[: len(parents) - node.level + 1]
                base = ".".join([*above, *filter(None, [base])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


ALL = modules()
IMPORTS = {
    name: set(imported(name, file.read_text(encoding="utf-8"), file.name == "__init__.py"))
    for name, file in ALL.items()
}


def project_modules_in(names: set[str]) -> set[str]:
    """Of the imported names, the project's modules: ``explainer.cells.VANILLA`` is ``explainer.cells``."""
    found = set()
    for name in names:
        parts = name.split(".")
        prefixes = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
        found |= {next((prefix for prefix in prefixes if prefix in ALL), None)} - {None}
    return found


ARROWS = {name: project_modules_in(names) - {name} for name, names in IMPORTS.items()}


def importers_of(library: str) -> set[str]:
    return {name for name, names in IMPORTS.items() if any(one.split(".")[0] == library for one in names)}


def is_section(module: str) -> bool:
    return module.startswith(f"{PACKAGE}.sections.")


def test_there_is_something_to_look_at():
    assert {APP, PACKAGE, f"{PACKAGE}.settings", f"{PACKAGE}.gradients", f"{PACKAGE}.sections"} <= set(ALL)
    assert any(map(is_section, ALL))


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import torch.nn as nn", {"torch.nn"}),
        ("from torch import nn, Tensor", {"torch.nn", "torch.Tensor"}),
        ("def late():\n    import torch", {"torch"}),
        ("if TYPE_CHECKING:\n    from torch import Tensor", {"torch.Tensor"}),
        ("from . import one_step", {"explainer.sections.one_step"}),
        ("from .one_step import TITLE", {"explainer.sections.one_step.TITLE"}),
        ("from ..cells import VANILLA", {"explainer.cells.VANILLA"}),
        ("torch = 'import torch'", set()),
    ],
)
def test_an_import_is_seen_in_every_form(source: str, names: set[str]):
    assert set(imported("explainer.sections.two_steps", source)) == names


def test_a_relative_import_in_a_package_starts_at_the_package():
    assert set(imported("explainer.sections", "from . import one_step", is_package=True)) == {
        "explainer.sections.one_step"
    }


def test_torch_stays_in_the_maths():
    assert importers_of("torch") - MATHS == set()


def test_streamlit_stays_in_the_page_and_the_app():
    assert {
        name for name in importers_of("streamlit") if name != APP and not name.startswith(f"{PACKAGE}.page")
    } == set()


def test_altair_stays_in_drawings_and_sections():
    assert {name for name in importers_of("altair") - DRAWING if not is_section(name)} == set()


def test_what_the_reader_can_choose_knows_nothing_else_of_the_project():
    assert {(name, other) for name in CHOICES & set(ALL) for other in ARROWS[name] - CHOICES} == set()


def test_the_maths_knows_nothing_of_drawings_and_words():
    below = MATHS | CHOICES | {f"{PACKAGE}.jobs", f"{PACKAGE}.once"}
    assert {(name, other) for name in MATHS & set(ALL) for other in ARROWS[name] - below} == set()


def test_no_section_imports_another():
    assert {
        (name, other)
        for name in filter(is_section, ALL)
        for other in ARROWS[name]
        if other.startswith(f"{PACKAGE}.sections")
    } == set()


def test_the_arrows_go_one_way():
    order = graphlib.TopologicalSorter(ARROWS)
    order.prepare()  # raises CycleError, which names the circle


def test_nothing_is_called_utils():
    assert {name for name in ALL if name.split(".")[-1] in {"utils", "util", "helpers", "misc", "common"}} == set()
