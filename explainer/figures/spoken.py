"""A drawing in the language that is spoken: the tables keep their English words, the drawing shows others for them.

So a file of numbers means the same everywhere, and the conditions of a drawing hold for every language.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from explainer.languages import ENGLISH, catalogue, say, spoken
from explainer.maths import gradients

# what a table says of a number, whether or not the drawing names it
_NOT_PLAIN = (gradients.ROUNDED_TO_ZERO, gradients.OVERFLOW, gradients.EXACTLY_ZERO, gradients.UNDEFINED)
_STATUSES = (gradients.VALUE, *_NOT_PLAIN)
_SAID = "said"  # the parameter of a drawing with the words that it shows for those of its tables
_LITERAL = re.compile(r"'([^']*)'")


def in_words(specification: Mapping[str, Any]) -> Mapping[str, Any]:
    """A Vega-Lite specification in the language that is spoken now."""
    if spoken() == ENGLISH:
        return specification
    shown = {text: said for text in sorted({*_STATUSES, *_texts(specification)}) if (said := say(text)) != text}
    translated = _view(specification)
    signs = catalogue(spoken())
    locale = {"decimal": signs.decimal, "thousands": signs.group, "grouping": [3], "currency": ["", ""]}
    config = {**translated.get("config", {}), "locale": {"number": locale}}
    return {**translated, "config": config, "params": [*translated.get("params", ()), {"name": _SAID, "value": shown}]}


def _texts(value: Any) -> set[str]:
    """Every text of a specification, and every literal of its expressions."""
    if isinstance(value, Mapping):
        return set().union(*map(_texts, value.values()))
    if isinstance(value, list):
        return set().union(*map(_texts, value))
    return {value, *_LITERAL.findall(value)} if isinstance(value, str) else set()


def _view(view: Mapping[str, Any]) -> dict[str, Any]:
    """A view and those within it, with their words in the spoken language."""
    made = {key: _within(key, value) for key, value in view.items()}
    encoding, calculated = {}, []
    for channel, written in made.get("encoding", {}).items():
        encoding[channel] = _channel(channel, written, calculated)
    if encoding:
        made["encoding"] = encoding
    if calculated:
        made["transform"] = [*made.get("transform", ()), *({"calculate": e, "as": name} for name, e in calculated)]
    return made


def _within(key: str, value: Any) -> Any:
    if key in ("layer", "hconcat", "vconcat", "concat"):
        return [_view(one) for one in value]
    if key == "spec":
        return _view(value)
    if key == "transform":
        return [{**one, "calculate": _words_of(one["calculate"])} if "calculate" in one else one for one in value]
    return value


def _words_of(expression: str) -> str:
    """An expression whose literals are words: ``'under the pointer: w = ' + …``."""
    said = _LITERAL.sub(lambda found: json.dumps(say(found[1]), ensure_ascii=False), expression)
    return said.replace('".", "·"', f'"{catalogue(spoken()).decimal}", "·"')  # of an exponent


def _channel(channel: str, written: Any, calculated: list[tuple[str, str]]) -> Any:
    """One channel of a view's encoding; ``calculated`` gets the columns that it needs, with their expressions."""
    if isinstance(written, list):
        return [_channel(channel, one, calculated) for one in written]
    if not isinstance(written, Mapping):
        return written
    made = dict(written)
    is_name = made.get("type") in ("nominal", "ordinal")
    for guide in ("axis", "legend"):
        if isinstance(made.get(guide), Mapping):
            made[guide] = _guide(made[guide], is_name)
    if isinstance(made.get("title"), str):
        made["title"] = say(made["title"])
    if channel in ("tooltip", "text") and is_name and "field" in made:
        field = made["field"]
        made.setdefault("title", say(field))
        made["field"] = f"{field}_{_SAID}"
        if not any(name == made["field"] for name, _ in calculated):
            calculated.append((made["field"], f"{_SAID}[datum[{field!r}]] || datum[{field!r}]"))
    elif channel == "tooltip" and "field" in made:
        made.setdefault("title", say(made["field"]))
    return made


def _guide(guide: Mapping[str, Any], is_name: bool) -> dict[str, Any]:
    """An axis or a legend."""
    made = dict(guide)
    if isinstance(made.get("title"), str):
        made["title"] = say(made["title"])
    elif isinstance(made.get("title"), list):
        made["title"] = [say(line) for line in made["title"]]
    if "labelExpr" in made:
        made["labelExpr"] = _words_of(made["labelExpr"])
    elif is_name:
        made["labelExpr"] = f"{_SAID}[datum.label] || datum.label"
    return made
