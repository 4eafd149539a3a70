"""The import rule: a room imports only from its left, and each big library stays where it belongs."""

from __future__ import annotations

import ast
import graphlib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = "explainer"
ORDER = (
    *("languages", "words", "choices", "serving", "maths", "programs", "figures", "reach", "lesson", "take"),
    *("course", "grade", "page"),
)
LIVES_IN = {
    "torch": {"maths", "programs", "reach"},
    "altair": {"figures", "reach", "lesson", "take"},
    "streamlit": {"page"},
}
LONGEST = 350  # lines
NOT_SECTIONS = {"parts", "moves", "prose", "citation"}


def dotted_name(file: Path) -> str:
    return ".".join(part for part in file.relative_to(ROOT).with_suffix("").parts if part != "__init__")


MODULES = {dotted_name(file): file for file in sorted((ROOT / PACKAGE).rglob("*.py"))}


def imported(source: str) -> set[str]:
    """The dotted names that a module imports, wherever in it: ``from a import b`` gives ``a.b``."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute here"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


IMPORTS = {name: imported(file.read_text(encoding="utf-8")) for name, file in MODULES.items()}


def room(module: str) -> str:
    """``maths`` of ``explainer.maths.cells``; empty for the package itself."""
    return module.removeprefix(PACKAGE).lstrip(".").partition(".")[0]


def project_module(name: str) -> str | None:
    """The project's module of an imported name: ``explainer.maths.cells`` of ``explainer.maths.cells.GATES``."""
    parts = name.split(".")
    return next((m for end in range(len(parts), 0, -1) if (m := ".".join(parts[:end])) in MODULES), None)


ARROWS = {name: {project_module(one) for one in names} - {None, name} for name, names in IMPORTS.items()}


def test_every_module_stands_in_a_room():
    assert {room(name) for name in MODULES} - {""} == set(ORDER)


def test_a_room_imports_only_from_its_left():
    place = {name: i for i, name in enumerate(("", *ORDER))}
    wrong = [(a, b) for a, others in ARROWS.items() for b in others if place[room(b)] > place[room(a)]]
    assert wrong == []


def test_the_arrows_go_one_way_within_a_room_too():
    sections = f"{PACKAGE}.lesson"  # the spine imports the sections, which import their room's other files
    arrows = {name: others - {sections} for name, others in ARROWS.items()}
    graphlib.TopologicalSorter(arrows).prepare()  # raises CycleError, which names the circle


def test_choices_serving_and_programs_know_nothing_else_of_the_project_but_its_words():
    for own in ("choices", "serving", "programs"):
        assert {
            b for a, others in ARROWS.items() if room(a) == own for b in others if room(b) not in (own, "languages")
        } == set()


def test_no_section_imports_another():
    def is_section(module: str) -> bool:
        return module.startswith(f"{PACKAGE}.lesson.") and module.split(".")[2] not in NOT_SECTIONS

    assert {(a, b) for a, others in ARROWS.items() if is_section(a) for b in others if is_section(b)} == set()


def test_each_big_library_stays_where_it_belongs():
    for library, rooms in LIVES_IN.items():
        users = {room(name) for name, names in IMPORTS.items() if any(one.split(".")[0] == library for one in names)}
        assert users == rooms, library


def test_no_file_is_longer_than_one_sitting():
    written = [file for file in (ROOT / PACKAGE).rglob("*") if file.suffix in {".py", ".js", ".css", ".html", ".md"}]
    assert len(written) > len(MODULES)
    lengths = {str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in written}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_nothing_is_called_utils():
    assert {name for name in MODULES if name.split(".")[-1] in {"utils", "util", "helpers", "misc", "common"}} == set()
