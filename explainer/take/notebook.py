"""The lesson as a notebook at the reader's settings: short text, the project's own code, and the charts.

The code is read from the project's source as it runs here, module by module, so that a notebook cannot drift from the
page. It needs torch, numpy and altair, and nothing of the page.
"""

from __future__ import annotations

import ast
import graphlib
import importlib
import importlib.util
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from explainer.choices.settings import Settings
from explainer.lesson import SECTIONS
from explainer.lesson.parts import Section
from explainer.take import notebook_figures

FILE_NAME = "why-gates-remember.ipynb"
PACKAGE = "explainer"
HIDDEN = {"jupyter": {"source_hidden": True}, "collapsed": True, "tags": ["hide-input"]}

Drawn = tuple[Callable, str]
"""A function of ``notebook_figures``, and its call as the notebook makes it."""

_SHARED = ("rows", "plot", "squares", "both_cells", "network")


def _figures(slug: str, settings: Settings) -> list[Drawn]:
    """The figures of a section, in order; the drawing of the LSTM cell has no numbers of its own and stays away."""
    f = notebook_figures
    by_slug: dict[str, list[Drawn]] = {
        "through-time": [
            (f.unrolled_network, "unrolled_network(settings)"),
            (f.shares_of_the_weight_gradient, "shares_of_the_weight_gradient(settings)"),
        ],
        "one-recurrence": [
            (f.cobweb, "cobweb(settings, gated=False)"),
            (f.cobweb, "cobweb(settings, gated=True)"),
            (
                f.factor_of_each_step,
                'factor_of_each_step(settings, "The factor that each single step contributes")',
            ),
        ],
        "one-step": [(f.derivative_of_one_step, "derivative_of_one_step(settings)")],
        "two-steps": [
            (f.ladder_of_two_steps, 'ladder_of_two_steps(settings, "The ladder of two steps: vanilla first")')
        ],
        "k-steps": [(f.gradient_by_lag, "gradient_by_lag(settings)")],
        "vanish-or-explode": [
            (f.map_over_w, "map_over_w(settings)"),
            (f.map_over_f, "map_over_f(settings)"),
            (f.map_of_a_grid, ""),
        ],
        "gated-state": [
            (f.states_and_gate_over_time, "states_and_gate_over_time(settings)"),
            (
                f.factor_of_each_step,
                'factor_of_each_step(settings, "The factor of each step, behind a gate and without one")',
            ),
        ],
        "gate-steps": [
            (f.ladder_of_two_steps, 'ladder_of_two_steps(settings, "The ladder of two steps: gates first")')
        ],
        "product-of-gates": [(f.three_kinds_of_gate, "three_kinds_of_gate(settings)")],
        "many-paths": [
            (f.paths_of_a_gate_that_reads_its_state, "paths_of_a_gate_that_reads_its_state(settings)"),
            (f.norms_of_real_networks, "norms_of_real_networks(settings)"),
            (f.paths_of_a_real_lstm, "paths_of_a_real_lstm(settings)"),
            *(
                (f.gradients_between_every_two_times, f'gradients_between_every_two_times(settings, "{cell}")')
                for cell in settings.nets
            ),
        ],
        "number-formats": [
            (f.four_number_formats, "four_number_formats(settings, gated=False)"),
            (f.four_number_formats, "four_number_formats(settings, gated=True)"),
        ],
        "does-it-learn": [
            (f.trained, ""),
            (f.learning_curves, 'learning_curves(result, "accuracy")'),
            (f.learning_curves, 'learning_curves(result, "loss")'),
            (
                f.gradient_while_learning,
                "gradient_while_learning(\n"
                '    result, 0, "The RNN\'s gradient by lag, before, during and after training"\n)',
            ),
            (
                f.gradient_while_learning,
                "gradient_while_learning(\n"
                '    result, 2, "The gradient by lag of the LSTM with your forget bias, before, during and after '
                'training"\n)',
            ),
        ],
    }
    return by_slug[slug]


# --- the project's own modules ------------------------------------------------------------------------------


def _imports(source: str) -> Iterator[tuple[str, str]]:
    """(the name that it binds, the project's module it comes from) of each import of the project's own."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE:
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                module = inside if importlib.util.find_spec(node.module).submodule_search_locations else node.module
                yield alias.asname or alias.name, module


def _source(module: str) -> str:
    return inspect.getsource(importlib.import_module(module))


def _needed(modules: Sequence[str]) -> list[str]:
    """These modules and all that they import of the project, each after those that it imports."""
    graph: dict[str, set[str]] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in graph:
            graph[module] = {other for _, other in _imports(_source(module))}
            waiting += graph[module]
    return list(graphlib.TopologicalSorter(graph).static_order())


def _used_by(functions: Sequence[Callable]) -> list[str]:
    """The project's modules that the functions name."""
    bound = dict(_imports(inspect.getsource(notebook_figures)))
    names = {
        node.id
        for function in functions
        for node in ast.walk(ast.parse(inspect.getsource(function)))
        if isinstance(node, ast.Name)
    }
    return sorted({module for name, module in bound.items() if name in names})


# --- text ---------------------------------------------------------------------------------------------------

_COLOURED = re.compile(r":(?:orange|blue|gray)\[((?:[^\[\]]|\[[^\]]*\])*)\]")


def plain_markdown(text: str) -> str:
    """The page's Markdown without what only Streamlit knows: words in the cells' colours."""
    while (without := _COLOURED.sub(r"\1", text)) != text:
        text = without
    return text.strip()


def _settings_cell(settings: Settings) -> str:
    fields = ",\n".join(f"    {name}={value!r}" for name, value in vars(settings).items())
    return f"settings = Settings(\n{fields},\n)"


# --- the notebook -------------------------------------------------------------------------------------------


def written(settings: Settings, link: str) -> str:
    """The notebook as a file; the link leads back to the page in the same state."""
    return nbformat.writes(build(settings, link))


def build(settings: Settings, link: str) -> nbformat.NotebookNode:
    """The notebook itself; ``nbformat`` has checked it."""
    present: set[str] = set()
    shown: set[Callable] = set()
    cells = [
        new_markdown_cell(
            "# Why gates remember\n\nVanishing and exploding gradients, and what a gate changes, computed by torch "
            f"autograd. This notebook holds the lesson in the state of [this page]({link}): change the settings below "
            "and run it again.\n\nIt needs torch, numpy and altair, and runs on Colab as it is. The next cells write "
            "the lesson's own modules beside the notebook: the code that computes the page."
        ),
        new_code_cell(
            f'from pathlib import Path\n\nfor room in ("choices", "serving", "maths"):\n'
            f'    Path("{PACKAGE}", room).mkdir(parents=True, exist_ok=True)'
        ),
        *_modules([f"{PACKAGE}.choices.settings"], present),
        new_code_cell(f"from {PACKAGE}.choices.settings import Settings\n\n{_settings_cell(settings)}"),
    ]
    shared = [getattr(notebook_figures, name) for name in _SHARED]
    cells += _modules(_used_by(shared), present)
    cells.append(_shared_cell(shared))
    shown |= set(shared)
    for number, section in enumerate(SECTIONS, 1):
        cells += _section(number, section, settings, present, shown)
    notebook = new_notebook(
        cells=cells,
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
    )
    for position, cell in enumerate(notebook.cells):  # the same settings give the same file
        cell.id = f"cell-{position:03d}"
    nbformat.validate(notebook)
    return notebook


def _modules(names: Sequence[str], present: set[str]) -> list[nbformat.NotebookNode]:
    """A cell that writes each module that is needed and not there yet."""
    cells = []
    for name in _needed(names):
        if name not in present:
            present.add(name)
            path = name.replace(".", "/") + ".py"
            cells.append(new_code_cell(f"%%writefile {path}\n{_source(name)}".rstrip(), metadata=HIDDEN))
    return cells


def _import_lines(functions: Sequence[Callable]) -> list[str]:
    bound = dict(_imports(inspect.getsource(notebook_figures)))
    used = set(_used_by(functions))
    lines = set()
    for name, module in bound.items():
        if module in used:
            is_module = isinstance(getattr(notebook_figures, name), ModuleType)
            lines.add(f"from {module.rpartition('.')[0] if is_module else module} import {name}")
    return sorted(lines)


def _code(function: Callable) -> str:
    return textwrap.dedent(inspect.getsource(function)).strip()


def _shared_cell(functions: Sequence[Callable]) -> nbformat.NotebookNode:
    f = notebook_figures
    head = [
        # the functions' annotations need not be looked up
        "from __future__ import annotations\n",
        "from collections.abc import Mapping, Sequence\n",
        "import altair as alt\nimport numpy as np\n",
        *_import_lines(functions),
        f'\nBLUE, VERMILION = "{f.BLUE}", "{f.VERMILION}"\nSEEDS = {f.SEEDS}',
    ]
    return new_code_cell("\n".join(head) + "\n\n\n" + "\n\n\n".join(map(_code, functions)))


def _section(
    number: int, section: Section, settings: Settings, present: set[str], shown: set[Callable]
) -> list[nbformat.NotebookNode]:
    drawn = _figures(section.slug, settings)
    functions = [function for function in dict.fromkeys(function for function, _ in drawn) if function not in shown]
    shown |= set(functions)
    text = f"## {number}. {section.title}\n\n{plain_markdown(section.argument)}"
    cells = [new_markdown_cell(text), *_modules(_used_by(functions), present)]
    if functions:
        definitions = _import_lines(functions)
        if notebook_figures.trained in functions:
            definitions.append(f"LEARNERS = {notebook_figures.LEARNERS!r}")
        code = "\n\n\n".join(["\n".join(definitions), *map(_code, functions)]) if definitions else None
        cells.append(new_code_cell(code or "\n\n\n".join(map(_code, functions))))
    if notebook_figures.trained in functions:
        cells.append(
            new_code_cell(f"result = trained(settings, steps={section.work.plan(settings).steps})  # takes minutes")
        )
    calls = [call for _, call in drawn if call]
    for count, call in enumerate(calls, 1):
        name = f"figure_{number}_{count}"
        cells.append(new_code_cell(f"{name} = {call}\n{name}"))
    cells.append(new_markdown_cell(f"**What to remember.** {plain_markdown(section.remember)}"))
    return cells
