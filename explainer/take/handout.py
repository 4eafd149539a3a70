"""The whole lesson at the reader's settings as one HTML file: no network, no server, the charts still interactive.

``handout.html.jinja`` is the file's text. Equations become MathML, which browsers draw without a library. The charts
are the page's own drawings with their tables; Vega-Lite's JavaScript stands in the file and draws them.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import jinja2
import latex2mathml.converter
import mistune
from markupsafe import Markup

from explainer import words
from explainer.choices.controls import CONTROLS
from explainer.choices.settings import Settings
from explainer.figures import compare
from explainer.figures.figure import Figure
from explainer.languages import say, spoken
from explainer.lesson import SECTIONS, notation, prose
from explainer.lesson.citation import SHORT_TITLE
from explainer.lesson.parts import Section

_FOLDER = Path(__file__).parent
_ROOT = _FOLDER.parents[1]

FILE_NAME = "why-gates-remember.html"

HALF_WIDTH = 360  # pixels of a stacked chart's views, which cannot follow the width of the page


@functools.cache
def javascript() -> str:
    """Vega, Vega-Lite and vega-embed, which draw the charts: about 900 kB, made once per process."""
    command = [sys.executable, "-m", "explainer.take.chart_script"]
    made = subprocess.run(command, cwd=_ROOT, capture_output=True, check=True, encoding="utf-8")
    return made.stdout.replace("</script", "<\\/script")


# --- text and equations -------------------------------------------------------------------------------------


def mathml(latex: str, display: str = "inline") -> Markup:
    """An equation as MathML; ``display`` is ``inline`` or ``block``."""
    known = latex.replace(r"\!", "").replace("{aligned}", "{align*}").strip()  # the converter's own names
    return Markup(latex2mathml.converter.convert(known, display=display))


class _Renderer(mistune.HTMLRenderer):
    def inline_math(self, text: str) -> str:
        return str(mathml(text))

    def block_math(self, text: str) -> str:
        return f'<div class="equation">{mathml(text, "block")}</div>\n'


_to_html = mistune.Markdown(_Renderer(escape=False), plugins=[])
for _plugin in ("math", "table"):
    mistune.import_plugin(_plugin)(_to_html)

_CELL = {"orange": "vanilla", "blue": "gated", "gray": "aside"}
_COLOURED = re.compile(r":(orange|blue|gray)\[((?:[^\[\]]|\[[^\]]*\])*)\]")
_INLINE_MATH = re.compile(r"(?<!\$)\$(?!\$)([^$]+)\$(?!\$)")


def text(markdown: str) -> Markup:
    """The lesson's Markdown as HTML: equations drawn, words in their cell's colour."""
    coloured = _COLOURED.sub(lambda m: f'<span class="{_CELL[m[1]]}">{m[2]}</span>', markdown.strip())
    # the converter takes the end of a line for the end of an equation
    return Markup(_to_html(_INLINE_MATH.sub(lambda m: m[0].replace("\n", " "), coloured)))


# --- the file -----------------------------------------------------------------------------------------------

_templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(settings: Settings, link: str, lesson: Sequence[Section] = SECTIONS) -> str:
    """The handout at these settings, as HTML.

    Args:
        settings: the state of the page.
        link: the address of the live page in the same state.
        lesson: its sections.
    """
    return _templates.get_template("handout.html.jinja").render(
        title=say(SHORT_TITLE),
        language=spoken(),
        say=say,
        link=link,
        prose=prose,
        notation=notation,
        settings=[(control, ", ".join(control.texts(getattr(settings, control.name)))) for control in CONTROLS],
        kept=[f"{sign} {compare.name_of(one)}" for sign, one in zip(compare.SIGNS, settings.kept, strict=False)],
        lesson=[_section(number, section, settings) for number, section in enumerate(lesson, 1)],
        style=Markup(_read("handout.css")),
        draw=Markup(_read("handout.js")),
        vega=Markup(javascript()),
        text=text,
        mathml=mathml,
        specification=_specification,
        json=_script,
        number=words.number,
        all_digits=words.all_digits,
    )


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _section(number: int, section: Section, settings: Settings) -> dict:
    """What the template shows of a section. Figures of half the width that follow each other share a row."""
    plots, figures = section.plots_at(settings), section.figures_at(settings)
    shown = [
        {
            "label": say("Figure {section}.{count}", section=number, count=count),
            "id": f"figure-{number}-{count}",
            "figure": figure,
            "code": plot.program.code(settings),
        }
        for count, (plot, figure) in enumerate(zip(plots, figures, strict=True), 1)
    ]
    return {
        "section": section,
        "prediction": section.question(settings),
        "rows": [list(row) for _, row in itertools.groupby(shown, key=lambda one: one["figure"].half)],
        "follows": section.follows(settings) if section.follows else "",
        "receipt": section.receipt(settings),
    }


def _specification(figure: Figure) -> dict:
    """A figure's drawing with its numbers, as Vega-Lite."""
    drawing = dict(figure.drawing())
    if "vconcat" in drawing:
        drawing["vconcat"] = [{**view, "width": HALF_WIDTH} for view in drawing["vconcat"]]
    else:
        drawing["autosize"] = {"type": "fit", "contains": "padding"}
    datasets = {name: table.to_pylist() for name, table in figure.tables.items()}
    return {**drawing, "description": say(figure.title), "datasets": datasets}


def _script(data: object) -> Markup:
    """Data as the content of a script element; nothing in it can end the element."""
    return Markup(json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/"))
