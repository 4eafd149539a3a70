"""The numbers of the figures as files: one table as CSV, or all of them as a zip."""

from __future__ import annotations

import codecs
import io
import re
import zipfile
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from explainer.choices.controls import CONTROL, CONTROLS
from explainer.choices.settings import Settings
from explainer.figures import compare
from explainer.figures.figure import Figure, unit
from explainer.languages import ENGLISH, say, speaking
from explainer.lesson.parts import Section

ZIP_NAME = "why-gates-remember-data.zip"


def table_of(figure: Figure) -> pa.Table:
    """The table that a reader opens and saves: the figure's first, with the curves that the reader has kept."""
    return compare.with_kept(figure.tables)


def figures_of(section: Section, settings: Settings) -> tuple[Figure, ...]:
    """A section's figures with English words in their tables, so that a file means the same whoever has saved it."""
    with speaking(ENGLISH):
        return section.figures_at(settings)


def csv(table: pa.Table) -> bytes:
    """A table as CSV in UTF-8, with the mark at its start by which Excel knows that.

    Headers have the column's unit: ``lag (steps)``. An empty field is not finite; 0 has no sign.
    """
    named = table.rename_columns([f"{field.name} ({unit(field)})" for field in table.schema])
    for place, field in enumerate(named.schema):
        if pa.types.is_floating(field.type):  # -0 + 0 is 0
            named = named.set_column(place, field, pc.add(named.column(place), 0.0))
    out = io.BytesIO(codecs.BOM_UTF8)
    out.seek(0, io.SEEK_END)
    pyarrow.csv.write_csv(named, out)
    return out.getvalue()


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _short(text: str, most: int) -> str:
    """At most so many characters, cut between two words."""
    return text if len(text) <= most else text[: most + 1].rpartition("-")[0]


def stem(number: int, count: int, figure: Figure) -> str:
    """The name of a figure's file without settings and ending: ``figure-5-1-gradient-against-lag``."""
    return f"figure-{number}-{count}-{_short(_plain(figure.title), 60)}"


def settings_in_name(settings: Settings, names: Sequence[str]) -> str:
    """The values of these controls for the name of a file: ``w=0.9_k=50``."""
    return "_".join(f"{name}={','.join(CONTROL[name].texts(getattr(settings, name)))}" for name in names)


def file_name(number: int, count: int, figure: Figure, section: Section, settings: Settings) -> str:
    """The name of a figure's CSV, with the value of every control that moves the section."""
    named = settings_in_name(settings, section.moved_by)
    return f"{stem(number, count, figure)}{'__' if named else ''}{named}.csv"


def all_tables(sections: Sequence[Section], settings: Settings, link: str) -> bytes:
    """Every figure's table as CSV in one zip, with a note of all settings and the link to them.

    A figure of networks that are not trained yet has no numbers, and no file; the note says so.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        listed = []
        for number, section in enumerate(sections, 1):
            figures = zip(section.figures_at(settings), figures_of(section, settings), strict=True)
            for count, (figure, saved) in enumerate(figures, 1):
                name, table = f"{stem(number, count, figure)}.csv", table_of(saved)
                if len(table):
                    _add(archive, name, csv(table))
                there = name if len(table) else say("(no {name}: there is nothing to save yet)", name=name)
                listed.append(f"{there}\n    {number}. {say(section.title)}: {say(figure.title)}. {figure.caption}")
        _add(archive, "README.txt", _note(listed, settings, link).encode())
    return out.getvalue()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    # one date for all, so that the same settings give the same file
    entry = zipfile.ZipInfo(f"why-gates-remember/{name}", date_time=(2020, 1, 1, 0, 0, 0))
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)


def _note(listed: Sequence[str], settings: Settings, link: str) -> str:
    """The text of the zip's README."""
    values = "\n".join(
        f"  {control.name} = {', '.join(control.texts(getattr(settings, control.name)))}: {say(control.label)}"
        for control in CONTROLS
    )
    return (
        f"{say('Why gates remember: the numbers of every figure, computed by torch autograd.')}\n{link}\n\n"
        f"{say('Settings')}\n{values}\n\n"
        + say("Units stand in the headers: steps are time steps, log10 is a power of ten, 1 is a pure number.")
        + "\n"
        + say("An empty field is not finite; the column status says which kind.")
        + "\n"
        + say("The files are UTF-8, with a byte order mark: in Python, open(..., encoding='utf-8-sig').")
        + f"\n\n{say('Figures')}\n"
        + "\n".join(listed)
        + "\n"
    )
