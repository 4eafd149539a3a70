"""The project's own files agree: what is imported is required, what is required is pinned and installed."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
IMPORT_NAMES = {"axe-playwright-python": "axe_playwright_python", "vl-convert-python": "vl_convert"}


def requirements(file: str) -> list[str]:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def pins(file: str) -> dict[str, str]:
    """Names and versions of the packages in a requirements file."""
    lines = [re.sub(r"\[.*\]", "", line) for line in requirements(file) if not line.startswith("-r ")]
    return dict(line.split("==") for line in lines)


def third_party_imports(*folders: str) -> set[str]:
    files = [file for folder in folders for file in sorted(ROOT.glob(folder))]
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    own = {"benchmarks", "examples", "explainer", "scripts", "streamlit_app", "tests"} | {file.stem for file in files}
    return {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - own


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned_exactly(file: str):
    loose = [
        line for line in requirements(file) if not re.fullmatch(r"[A-Za-z0-9_.-]+(\[[a-z]+\])?==[0-9][0-9.]*", line)
    ]
    assert loose == (["-r requirements.txt"] if file == "requirements-dev.txt" else [])


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_the_tests_run_on_the_pinned_versions(file: str):
    installed = {name: importlib.metadata.version(name).split("+")[0] for name in pins(file)}
    assert installed == pins(file)


def test_the_page_imports_exactly_what_it_requires():
    required = {IMPORT_NAMES.get(name, name) for name in pins("requirements.txt")}
    assert third_party_imports("streamlit_app.py", "explainer/**/*.py") == required


def test_the_tests_import_nothing_that_is_not_required():
    required = pins("requirements.txt") | pins("requirements-dev.txt")
    known = {IMPORT_NAMES.get(name, name) for name in required}
    assert third_party_imports("tests/**/*.py") - known == set()


PROGRAMS = [file for folder in ("benchmarks", "scripts") for file in sorted((ROOT / folder).glob("*.py"))]


@pytest.mark.parametrize("file", PROGRAMS, ids=lambda file: file.stem)
def test_a_program_beside_the_page_finds_all_that_it_imports(file: Path):
    runpy.run_path(str(file), run_name="imported")
