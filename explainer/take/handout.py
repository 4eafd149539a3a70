"""The whole lesson at the reader's settings as one HTML file: no network, no server, the charts still interactive.

Equations become MathML, which browsers draw by themselves. The charts are the page's own drawings with their tables,
drawn by Vega-Lite, whose JavaScript stands in the file.
"""

from __future__ import annotations

import functools
import html
import itertools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import latex2mathml.converter
import mistune

from explainer import words
from explainer.choices.controls import CONTROLS
from explainer.choices.settings import Settings
from explainer.figures.figure import Figure
from explainer.lesson import SECTIONS, prose
from explainer.lesson.citation import SHORT_TITLE
from explainer.lesson.parts import Prediction, Receipt, Section

_ROOT = Path(__file__).parents[2]

FILE_NAME = "why-gates-remember.html"

HALF_WIDTH = 360  # pixels of the views of a stacked chart, which cannot follow the width of the page


@functools.cache
def javascript() -> str:
    """What draws the charts: Vega, Vega-Lite and vega-embed, about 900 kB; made once per process."""
    command = [sys.executable, "-m", "explainer.take.chart_script"]
    made = subprocess.run(command, cwd=_ROOT, capture_output=True, check=True, encoding="utf-8")
    return made.stdout.replace("</script", "<\\/script")


# --- text and equations -------------------------------------------------------------------------------------


def mathml(latex: str, display: str = "inline") -> str:
    """An equation as MathML, where ``\\!`` has no name and ``aligned`` another one."""
    known = latex.replace(r"\!", "").replace("{aligned}", "{align*}").strip()
    return latex2mathml.converter.convert(known, display=display)


class _Renderer(mistune.HTMLRenderer):
    def inline_math(self, text: str) -> str:
        return mathml(text)

    def block_math(self, text: str) -> str:
        return f'<div class="equation">{mathml(text, "block")}</div>\n'


_to_html = mistune.Markdown(_Renderer(escape=False), plugins=[])
for _plugin in ("math", "table"):
    mistune.import_plugin(_plugin)(_to_html)

_CELL = {"orange": "vanilla", "blue": "gated", "gray": "aside"}
_COLOURED = re.compile(r":(orange|blue|gray)\[((?:[^\[\]]|\[[^\]]*\])*)\]")


_INLINE_MATH = re.compile(r"(?<!\$)\$(?!\$)([^$]+)\$(?!\$)")


def text(markdown: str) -> str:
    """The lesson's Markdown as HTML: equations drawn, words in their cell's colour."""
    coloured = _COLOURED.sub(lambda m: f'<span class="{_CELL[m[1]]}">{m[2]}</span>', markdown.strip())
    # to the converter an equation within a sentence ends with its line
    return _to_html(_INLINE_MATH.sub(lambda m: m[0].replace("\n", " "), coloured))


# --- the parts of a section ---------------------------------------------------------------------------------


def _fold(summary: str, content: str) -> str:
    return f'<details class="fold"><summary>{summary}</summary>{content}</details>'


def _prediction(prediction: Prediction) -> str:
    options = "".join(f"<li>{html.escape(option.text)}</li>" for option in prediction.options)
    if prediction.right is None:
        answer = html.escape(prediction.options[0].told)
    else:
        right = prediction.options[prediction.right]
        answer = f"<strong>{html.escape(right.text)}.</strong> {html.escape(right.told)}"
    return f"<p><strong>Before you look.</strong> {html.escape(prediction.question)}</p><ul>{options}</ul>" + _fold(
        "The answer at these settings", f"<p>{answer}</p>"
    )


def _specification(figure: Figure) -> dict:
    drawing = dict(figure.drawing())
    if "vconcat" in drawing:
        drawing["vconcat"] = [{**view, "width": HALF_WIDTH} for view in drawing["vconcat"]]
    else:
        drawing["autosize"] = {"type": "fit", "contains": "padding"}
    return {
        **drawing,
        "description": figure.title,
        "datasets": {name: table.to_pylist() for name, table in figure.tables.items()},
    }


def _script(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")


def _figure(label: str, figure: Figure, code: str) -> str:
    place = re.sub(r"[^a-z0-9]+", "-", label.lower())
    return (
        f'<figure class="{"half" if figure.half else "full"}"><div class="chart" id="{place}"></div>'
        f"<figcaption><strong>{label}. {html.escape(figure.title)}.</strong> {html.escape(figure.caption)}</figcaption>"
        f"{_fold('The code behind it', f'<pre><code>{html.escape(code)}</code></pre>')}"
        f'<script type="application/json" data-chart="{place}">{_script(_specification(figure))}</script></figure>'
    )


def _receipt(receipt: Receipt) -> str:
    sides = (("left side", receipt.autograd), ("right side", receipt.formula))
    sides += tuple(("for comparison", other) for other in receipt.others)
    listed = "".join(
        f"<li><strong>{words.all_digits(side.value)}</strong>, {role}: {html.escape(side.what)}</li>"
        for role, side in sides
    )
    said = "The two sides agree" if receipt.agrees else "The two sides differ"
    return (
        f'<div class="receipt"><p><strong>Receipt</strong></p><div class="equation">{mathml(receipt.equation, "block")}'
        f"</div><ul>{listed}</ul><p>{said}: relative difference {words.number(receipt.difference, 2)}. "
        f"{html.escape(receipt.remark)}</p></div>"
    )


def _section(number: int, section: Section, settings: Settings) -> Iterator[str]:
    slug = section.slug
    yield f'<section id="{slug}"><h2>{number}. {html.escape(section.title)}</h2>'
    yield text(section.argument)
    yield _prediction(section.question(settings))
    numbered = enumerate(
        zip(section.figures_at(settings), section.plots_at(settings), strict=True),
        1,
    )
    for half, run in itertools.groupby(numbered, key=lambda one: one[1][0].half):
        yield '<div class="pair">' if half else ""
        for count, (figure, plot) in run:
            yield _figure(f"Figure {number}.{count}", figure, plot.program.code(settings))
        yield "</div>" if half else ""
    yield _receipt(section.receipt(settings))
    yield f'<div class="remember">{text(f"**What to remember.** {section.remember}")}</div>'
    if section.look_closer:
        yield _fold("Look closer", text(section.look_closer))
    yield "</section>"


def _settings_table(settings: Settings) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(control.label)}</td><td><code>{control.name}</code></td>"
        f"<td>{html.escape(', '.join(control.texts(getattr(settings, control.name))))}</td></tr>"
        for control in CONTROLS
    )
    head = "<thead><tr><th>control</th><th>name</th><th>value</th></tr></thead>"
    return _fold("The settings of this handout", f"<table>{head}<tbody>{rows}</tbody></table>")


# --- the file -----------------------------------------------------------------------------------------------

_STYLE = """
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem; background: #fff; color: #1b1b1f;
  font: 1.06rem/1.6 "Source Sans 3", "Source Sans Pro", "Segoe UI", Helvetica, Arial, sans-serif; }
h1, h2 { font-family: "Source Serif 4", "Source Serif Pro", Georgia, serif; line-height: 1.2; }
h2 { margin-top: 3.5rem; }
a { color: #5e4b73; }
p, ul, ol, .remember, .receipt { max-width: 44rem; }
.vanilla { color: #a84300; }
.gated { color: #005f94; }
.aside { color: #5f5c63; }
.equation { overflow-x: auto; padding: 0.5rem 0; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border: 1px solid #d6d4d0; padding: 0.3rem 0.7rem; text-align: left; }
figure { margin: 1.5rem 0; min-width: 0; }
.chart { width: 100%; overflow-x: auto; }
figcaption { color: #5f5c63; font-size: 0.95rem; }
.receipt, .fold { border: 1px solid #d6d4d0; border-radius: 0.3rem; margin: 1rem 0; padding: 0.5rem 1rem; }
summary { cursor: pointer; }
pre { overflow-x: auto; font-size: 0.85rem; }
.pair { display: grid; gap: 1.5rem; }
@media (min-width: 56rem) { .pair { grid-template-columns: 1fr 1fr; } }
@media print { .fold:not([open]) { display: none; } figure { break-inside: avoid; } h2 { break-after: avoid; } }
"""

_DRAW = """
for (const data of document.querySelectorAll('script[data-chart]')) {
  vegaEmbed('#' + data.dataset.chart, JSON.parse(data.textContent), {
    renderer: 'svg', actions: false, logLevel: 1,
    config: { font: 'Source Sans 3, Source Sans Pro, Segoe UI, Helvetica, Arial, sans-serif',
              axis: { labelColor: '#1b1b1f', titleColor: '#1b1b1f' }, legend: { labelColor: '#1b1b1f' } },
  }).catch(console.error);
}
"""


def page(settings: Settings, link: str) -> str:
    """The file; the link leads back to the live page in the same state."""
    contents = "".join(f'<li><a href="#{s.slug}">{html.escape(s.title)}</a></li>' for s in SECTIONS)
    sections = "\n".join(
        part for number, section in enumerate(SECTIONS, 1) for part in _section(number, section, settings)
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{SHORT_TITLE}</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{SHORT_TITLE}</h1>{text(prose.PROMISE)}"
        f'<p>This handout holds the lesson as it stands at one choice of settings. <a href="{html.escape(link)}">The '
        "live page in the same state</a> answers to its controls.</p>"
        f"{_settings_table(settings)}<h2>Notation</h2>{text(prose.NOTATION)}"
        f"<nav><h2>Contents</h2><ol>{contents}</ol></nav>{sections}"
        f"<section><h2>References</h2>{text(prose.REFERENCES)}</section></main>"
        f"<script>{javascript()}</script><script>{_DRAW}</script></body></html>\n"
    )
