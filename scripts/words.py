"""Bring the translations up to date with the code: make words. It prints what is not translated.

The short texts come from the calls of ``say`` and its sisters, in the code and in the handout's template; from the
fields that hold words, such as a section's title; and from the drawings. The catalogues get all of them, with the
translations that they have had before. The prose is in Markdown, which a translator writes; this says where it is
behind.
"""

from __future__ import annotations

import ast
import inspect
import io
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from babel.messages import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2 import nodes

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the script may be run from anywhere

from explainer.choices.controls import CONTROLS  # noqa: E402
from explainer.choices.presets import PRESETS  # noqa: E402
from explainer.course import shelf  # noqa: E402
from explainer.languages import ENGLISH, LANGUAGES, catalogue  # noqa: E402
from explainer.languages.catalogue import FOLDER, MESSAGES, digest, pieces  # noqa: E402
from explainer.lesson import SECTIONS, citation, notation, prose  # noqa: E402
from explainer.lesson.opening import FIGURE  # noqa: E402
from explainer.programs import cells, networks, readers, training  # noqa: E402

_ONE, _COUNTED = {"say", "word"}, {"say_counted", "word_counted"}
_PROSE = ("argument", "in_torch", "look_closer")
_HEADER = "# The short texts of the page. make words keeps them up to date with the code."
_NOBODYS = tuple(f'"{name}' for name in ("Report-", "POT-", "PO-", "Last-", "Language-Team", "Generated-"))
"""The lines of a catalogue's head that say when, and who: a file that is written again without a change is the same."""

OTHERS = tuple(code for code in LANGUAGES if code != ENGLISH)

_WORD = re.compile("[a-z]{3}")  # a text without it is a formula, or a name such as LSTM

Text = str | tuple[str, str]
"""A text, or the two of a text that depends on a number."""


@dataclass(frozen=True)
class Prose:
    """A piece of English prose: the file of the lesson that it stands in, what it is there, and the text."""

    file: str
    name: str
    text: str


# --- what a reader sees -------------------------------------------------------------------------------------


def messages() -> dict[Text, list[str]]:
    """Every short text that a reader sees, with the files that it comes from."""
    found: dict[Text, list[str]] = {}
    for source, texts in _sources():
        for text in texts:
            files = found.setdefault(text, [])
            files += [source] if source not in files else []
    return found


def prose_pieces() -> list[Prose]:
    """Every piece of prose of the lesson."""
    found = [Prose("prose", name, text) for name, text in (("promise", prose.PROMISE), ("aim", prose.AIM))]
    for section in SECTIONS:
        file = section.slug.replace("-", "_")
        found += [Prose(file, name, getattr(section, name)) for name in _PROSE if getattr(section, name)]
    return found


def _sources() -> Iterator[tuple[str, Sequence[Text]]]:
    """The files that words stand in, with their words."""
    for file in sorted((ROOT / "explainer").rglob("*.py")):
        yield str(file.relative_to(ROOT)), _in_python(file)
    template = ROOT / "explainer" / "take" / "handout.html.jinja"
    yield str(template.relative_to(ROOT)), _in_template(template)
    for module in (cells, networks, readers, training):  # a notebook says what they are
        yield f"{module.__name__.replace('.', '/')}.py", [inspect.getdoc(module)]
    yield "explainer/lesson/citation.py", [citation.SHORT_TITLE]
    for symbol in notation.SYMBOLS:  # whose name is heard, or is a letter
        yield "explainer/lesson/notation.py", [symbol.meaning, *([symbol.name] if _WORD.search(symbol.name) else [])]
    for control in CONTROLS:
        yield "explainer/choices/controls.py", [control.group, control.label, control.help]
    for preset in PRESETS:
        yield "explainer/choices/presets.py", [preset.name, preset.fact]
    for section in SECTIONS:
        own = [section.title, section.remember, *(plot.title for plot in section.plots)]
        own += [section.work.title] if section.work else []
        file = f"explainer/lesson/{section.slug.replace('-', '_')}.py"
        yield file, own
        shown = [text for plot in section.plots for text in _of_drawing(plot.drawing())]
        yield file, [text for text in shown if _WORD.search(text)]
    yield "explainer/lesson/opening.py", [FIGURE.title]
    for name in shelf.names():
        assignment = shelf.find(name)
        texts = [assignment.title, assignment.intro, *(task.text for task in assignment.tasks)]
        yield f"explainer/course/assignments/{name}.toml", texts


def _in_python(file: Path) -> list[Text]:
    found: list[Text] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            texts = [one.value for one in node.args[:2] if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            found += [texts[0]] if name in _ONE and texts else []
            found += [(texts[0], texts[1])] if name in _COUNTED and len(texts) == 2 else []
    return found


def _in_template(file: Path) -> list[Text]:
    calls = jinja2.Environment().parse(file.read_text(encoding="utf-8")).find_all(nodes.Call)
    said = [call for call in calls if isinstance(call.node, nodes.Name) and call.node.name == "say"]
    return [call.args[0].value for call in said if isinstance(call.args[0], nodes.Const)]


def _of_drawing(view: Mapping[str, Any]) -> Iterator[str]:
    """The words that a drawing shows: titles, and the names that a scale or an axis gives to values."""
    for key, value in view.items():
        if key == "title":
            yield from [value] if isinstance(value, str) else value or ()
        elif key in ("domain", "sort") and isinstance(value, list):
            yield from (one for one in value if isinstance(one, str))
        elif key == "calculate":
            yield from re.findall("'([^']*)'", value)
        elif key == "tooltip":
            yield from (one["field"] for one in value or () if "field" in one and "title" not in one)
        if isinstance(value, Mapping):
            yield from _of_drawing(value)
        elif isinstance(value, list):
            for one in value:
                if isinstance(one, Mapping):
                    yield from _of_drawing(one)


# --- the catalogues -----------------------------------------------------------------------------------------


def untranslated(language: str) -> list[str]:
    """Every text, and every piece of prose by its name, that a language does not have."""
    known = catalogue(language)
    missing = []
    for text in messages():
        if isinstance(text, tuple):
            missing += [] if text in known.plurals else [" / ".join(text)]
        else:
            missing += [] if text in known.messages or digest(text) in known.prose else [text]
    return missing + [_head(one) for one in prose_pieces() if digest(one.text) not in known.prose]


def _head(piece: Prose) -> str:
    """The comment that stands above the translation of a piece of prose."""
    return f"<!-- {piece.file} {piece.name} {digest(piece.text)} -->"


def written(language: str, folder: Path = FOLDER) -> str:
    """The catalogue of a language: every message, with the translation and the notes that it has had.

    Of a message that is new, a translation of one like it is proposed, and marked fuzzy: nobody sees it before a
    translator has taken the mark away.
    """
    made = Catalog(
        locale=language, project="Why gates remember", version=citation.VERSION, header_comment=_HEADER, fuzzy=False
    )
    for text, files in sorted(messages().items(), key=lambda one: str(one[0])):  # wherever it stands in its file
        made.add(text, locations=[(file, None) for file in files])
    had = _had(language, folder)
    had.update(made, update_header_comment=True)
    file = io.BytesIO()
    write_po(file, had, width=120, sort_by_file=True, include_lineno=False)
    lines = file.getvalue().decode().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(_NOBODYS))


def _had(language: str, folder: Path = FOLDER) -> Catalog:
    """The catalogue of a language as it stands; an empty one for a new language."""
    path = folder / language / MESSAGES
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def translations(language: str) -> dict[Text, Text]:
    """What a reader of a language gets, by the English text."""
    return {
        message.id: message.string
        for message in _had(language)
        if message.id
        and not message.fuzzy
        and (all(message.string) if isinstance(message.string, tuple) else message.string)
    }


def behind(language: str) -> list[str]:
    """Where the prose of a language is of an English text that has changed since."""
    known = {(one.file, one.name): one for one in prose_pieces()}
    had = [one for path in sorted((FOLDER / language).glob("*.md")) for one in pieces(path.read_text(encoding="utf-8"))]
    return [
        f"{one.file} {one.name} has changed: translate it again below {_head(known[one.file, one.name])}"
        for one in had
        if (one.file, one.name) in known and one.of != digest(known[one.file, one.name].text)
    ]


def main() -> None:
    for language in OTHERS:
        (FOLDER / language / MESSAGES).write_text(written(language), encoding="utf-8")
        print(f"{LANGUAGES[language]}: {len(untranslated(language))} texts to translate")  # noqa: T201
        for text in [*untranslated(language), *behind(language)]:
            print(f"  {text}")  # noqa: T201


if __name__ == "__main__":
    main()
