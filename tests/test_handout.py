"""The handout stands by itself: one file, nothing from elsewhere, the page's own drawings and numbers."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pyarrow as pa
import pytest

from explainer.choices.settings import Settings
from explainer.lesson import SECTIONS, notation, prose
from explainer.take import handout

LINK = "https://example.org/?w=1.2&act=identity"
SETTINGS = (Settings(), Settings(act="identity", w=1.1, gate="state", nets=("peephole", "mgu"), T=20, k=200))


class Reader(HTMLParser):
    """Collects a page's tags with their attributes, and the text of each script."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.last: str | None = None
        self.tags: list[tuple[str, dict]] = []
        self.scripts: list[tuple[dict, str]] = []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.last = tag

    def handle_data(self, data):
        if self.last == "script":
            self.scripts.append((self.tags[-1][1], data))
            self.last = None


@pytest.fixture(scope="module", params=SETTINGS, ids=lambda settings: settings.act)
def read(request) -> tuple[Settings, str, Reader]:
    source = handout.page(request.param, LINK)
    return request.param, source, Reader(source)


def test_nothing_of_it_comes_from_elsewhere(read):
    _, source, reader = read
    assert [tag for tag, attrs in reader.tags if "src" in attrs or tag == "link" or "@import" in str(attrs)] == []
    style = re.search(r"<style>(.*?)</style>", source, re.DOTALL)[1]
    assert "url(" not in style
    assert "@import" not in style


def test_it_draws_the_pages_figures_from_the_pages_tables(read):
    settings, _, reader = read
    charts = [json.loads(text) for attrs, text in reader.scripts if "data-chart" in attrs]
    figures = [figure for section in SECTIONS for figure in section.figures_at(settings)]
    assert [chart["description"] for chart in charts] == [figure.title for figure in figures]
    for chart, figure in zip(charts, figures, strict=True):
        assert set(chart["datasets"]) == set(figure.tables)
        for name, table in figure.tables.items():
            expected = pa.table(table)
            assert pa.Table.from_pylist(chart["datasets"][name], schema=expected.schema).equals(expected)


def test_every_chart_has_its_place_and_every_place_its_chart(read):
    _, _, reader = read
    places = [attrs["id"] for tag, attrs in reader.tags if attrs.get("class") == "chart"]
    assert len(set(places)) == len(places)
    assert places == [attrs["data-chart"] for attrs, _ in reader.scripts if "data-chart" in attrs]


def test_the_whole_lesson_is_there_in_order_and_the_way_back(read):
    _, source, reader = read
    slugs = [attrs["id"] for tag, attrs in reader.tags if tag == "section" and "id" in attrs]
    assert slugs == [section.slug for section in SECTIONS]
    assert ("a", {"href": LINK}) in reader.tags
    assert source.count("<h1>") == 1


def test_no_equation_and_no_colour_is_left_as_it_was_written(read):
    _, source, _ = read
    text = re.sub(r"<(script|style|pre)\b.*?</\1>", "", source, flags=re.DOTALL)
    assert "\\" not in re.sub(r"alttext=\"[^\"]*\"", "", text)
    assert re.findall(r":(?:orange|blue|gray)\[", text) == []
    assert "$" not in text
    equations = sum(
        len(re.findall(r"\$\$.*?\$\$|\$.+?\$", words, re.DOTALL))
        for section in SECTIONS
        for words in (section.argument, section.in_torch, section.remember, section.look_closer)
    ) + len(re.findall(r"\$.+?\$", prose.PROMISE + prose.AIM + notation.table()))
    assert text.count("<math") == equations + len(SECTIONS)


def test_an_equation_in_rows_becomes_a_table():
    assert handout.mathml(r"\begin{aligned}a &= b \\ c &= d\end{aligned}").count("<mtr>") == 2


def test_what_could_end_a_script_does_not():
    assert "</script" not in handout.javascript()
    assert len(handout.javascript()) > 500_000
    assert handout._script({"words": "</script>"}) == '{"words":"<\\/script>"}'
