"""The lesson as a notebook at the reader's settings: its text, the program behind each figure, and the page's drawing.

The programs are the ones that the page shows below each section; the drawings are the page's own, over the numbers that
the program in the cell above has just computed. The notebook needs torch, numpy and altair, and nothing of the project.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Iterator, Sequence

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from explainer.choices.controls import CONTROLS, Choice, Several
from explainer.choices.settings import Settings
from explainer.figures.figure import Figure, Plot
from explainer.figures.program import Piece, imports, literal, needed, text
from explainer.languages import say, word
from explainer.lesson import SECTIONS
from explainer.lesson.parts import Section
from explainer.take.data import table_of
from explainer.take.redraw import redraw

FILE_NAME = "why-gates-remember.ipynb"
HIDDEN = {"jupyter": {"source_hidden": True}, "collapsed": True, "cellView": "form", "tags": ["hide-input"]}
WIDTH, HALF_WIDTH = 640, 480

LINES = ("cell", "series", "format", "learner")
"""The columns of the figures' tables that say which line a row belongs to."""

_INTRODUCTION = word("""# Why gates remember

Vanishing and exploding gradients, and what a gate changes, computed by torch autograd. This notebook holds the lesson
in the state of [this page]({link}). It needs torch, numpy and altair, and runs on Colab as it is.

Run all cells from the top. You may change the settings and run it again: the lines follow. Labels, grey references and
the ends of an axis stay as on the page; for all of it in another state, take the notebook from the page again.""")

_COLOURED = re.compile(r":(?:orange|blue|gray)\[((?:[^\[\]]|\[[^\]]*\])*)\]")


def plain_markdown(markdown: str) -> str:
    """The page's Markdown without what only Streamlit knows: words in the cells' colours."""
    while (without := _COLOURED.sub(r"\1", markdown)) != markdown:
        markdown = without
    return markdown.strip()


def written(settings: Settings, link: str, lesson: Sequence[Section] = SECTIONS) -> str:
    """The notebook as a file.

    Args:
        settings: the state of the page.
        link: leads back to the page in this state.
        lesson: its sections.
    """
    return nbformat.writes(build(settings, link, lesson))


def build(settings: Settings, link: str, lesson: Sequence[Section] = SECTIONS) -> nbformat.NotebookNode:
    """The notebook itself, checked by ``nbformat``; see :func:`written`."""
    plots = [plot for section in lesson for plot in section.plots_at(settings)]
    functions = dict.fromkeys(plot.program.function for plot in plots)
    pieces, helper = needed(*functions), needed(redraw)
    homes = {function.__module__ for function in functions}
    shared = [piece for piece in pieces if piece.module not in homes]
    shown = set(shared)
    cells = [
        new_markdown_cell(say(_INTRODUCTION, link=link)),
        new_code_cell(_settings(settings)),
        new_markdown_cell(f"## {say('What several figures share')}"),
        new_code_cell(imports([*pieces, *helper])),
    ]
    for module in dict.fromkeys(piece.module for piece in shared):
        what = say(inspect.getdoc(importlib.import_module(module)))
        cells += [new_markdown_cell(what), new_code_cell(text(one for one in shared if one.module == module))]
    cells.append(_hidden_cell(say("what draws the figures"), text(helper)))
    for number, section in enumerate(lesson, 1):
        cells += _section(number, section, settings, shown)
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


def _settings(settings: Settings) -> str:
    """One variable for each control, with its label, and its values where they are names."""
    what = say("the page's settings: change one, and run the cells below again")
    lines = [f"# {what}"]
    for control in CONTROLS:
        names = f": {', '.join(control.values)}" if isinstance(control, Choice | Several) else ""
        lines.append(f"{control.name} = {literal(getattr(settings, control.name))}  # {say(control.label)}{names}")
    return "\n".join(lines)


def _hidden_cell(title: str, code: str) -> nbformat.NotebookNode:
    return new_code_cell(f"# @title {title}\n{code}", metadata=HIDDEN)


def _section(number: int, section: Section, settings: Settings, shown: set[Piece]) -> Iterator[nbformat.NotebookNode]:
    argument = plain_markdown(say(section.argument) + say(section.in_torch))
    yield new_markdown_cell(f"## {number}. {say(section.title)}\n\n{argument}")
    for count, plot in enumerate(section.plots_at(settings), 1):
        label = say("Figure {section}.{count}", section=number, count=count)
        name, title = f"figure_{number}_{count}", f"{label}. {say(plot.title)}"
        new = [piece for piece in needed(plot.program.function) if piece not in shown]
        shown.update(new)
        call = f"{name} = {plot.program.call(settings, by_name=True)}"
        minutes = f"\n# {say('it trains networks, which takes minutes')}" if plot.program.minutes else ""
        yield new_code_cell(f"# {title}{minutes}\n" + "\n\n\n".join([text(new), call] if new else [call]))
        drawn = f"redraw({name}, {_drawn(plot, settings)})"
        yield _hidden_cell(say("the page's drawing of {name}", name=name), drawn)
    if section.follows:
        yield new_markdown_cell(plain_markdown(section.follows(settings)))
    yield new_markdown_cell(f"**{say('What to remember.')}** {plain_markdown(say(section.remember))}")


def _drawn(plot: Plot, settings: Settings) -> str:
    """What ``redraw`` is told of a plot: the columns of its lines and of their numbers, and the drawing."""
    # a figure of long work as it stands before the work, whatever this process has done meanwhile
    figure, column = plot.at(settings), plot.program.column
    names = table_of(figure).column_names
    line = next((name for name in LINES if name in names), "") if column not in ("", "text") else ""
    return f'"{line}", "{column}", r"""{_drawing(figure)}"""'


def _drawing(figure: Figure) -> str:
    """The figure's drawing and tables in JSON, as wide as a notebook has room for; the tables by column."""
    drawing = dict(figure.drawing())
    if "vconcat" in drawing:
        drawing["vconcat"] = [{**view, "width": HALF_WIDTH} for view in drawing["vconcat"]]
    else:
        drawing["width"] = WIDTH
    tables = {name: table.to_pydict() for name, table in figure.tables.items()}
    whole = drawing | {"description": say(figure.title), "datasets": tables}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
