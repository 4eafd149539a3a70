"""The page in other languages: everything is translated, and says the same numbers and formulas as the English."""

from __future__ import annotations

import functools
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator

import nbformat
import pytest

from explainer import languages, words
from explainer.choices.controls import CONTROLS
from explainer.choices.presets import PRESETS
from explainer.choices.settings import Settings
from explainer.languages import LANGUAGES, say, say_counted, speaking
from explainer.languages.catalogue import FOLDER, MESSAGES, digest, pieces, read
from explainer.lesson import SECTIONS, prose
from explainer.lesson.parts import Section, answer, contents
from explainer.page import section as page_section
from explainer.page.language import OF_SCRIPTS
from explainer.take import data, handout, links, notebook
from scripts import words as catalogues
from tests.reader import Reader
from tests.test_page import texts

OTHERS = pytest.mark.parametrize("language", catalogues.OTHERS)
STATES = {"default": Settings(), **{preset.name: preset.settings for preset in PRESETS}}

# words that a text in English can hardly do without, and that no other language of the page has
ENGLISH = re.compile(r"\b(the|of|and|with|what|which|this|that|from|than|your|every)\b")
# what stays English: the sentences that the networks of the last section read, the citation, tags and addresses
KEPT = re.compile(
    r"<(style|script)\b.*?</\1>|^> .*?$|\bthe keys?\b|@software\{.*\}|the gated cell state explainer authors[^\n]*|<[^>]*>|\]\([^)]*\)|https?://\S+",
    re.MULTILINE | re.DOTALL,
)
POINT = re.compile(r"\d\.\d(?!\d\d(?!\d))")  # but for that between thousands, where the decimal sign is a comma


# --- what is spoken -----------------------------------------------------------------------------------------


def test_english_stands_in_the_code_and_braces_are_braces_without_values():
    assert say("At {lag}: {size}", lag=3, size="0.5") == "At 3: 0.5"
    assert say(r"\frac{a}{b}") == r"\frac{a}{b}"


def test_what_nobody_has_translated_stays_english():
    with speaking("de"):
        assert say("a sentence that nobody has translated, {k}", k=3) == "a sentence that nobody has translated, 3"
        assert say_counted("{count} zebra", "{count} zebras", 2000) == "2.000 zebras"


@pytest.mark.parametrize(
    ("language", "one", "many"),
    [("en", "1 step", "2,000 steps"), ("de", "1 Schritt", "2.000 Schritte"), ("es", "1 paso", "2.000 pasos")],
)
def test_a_language_counts_in_its_own_way(language: str, one: str, many: str):
    with speaking(language):
        assert (words.steps(1), words.steps(2000)) == (one, many)


def test_a_language_has_its_own_decimal_sign():
    with speaking("de"):
        assert words.number(-0.0125) == "−0,0125"
        assert words.magnitude(-505.3) == "5,01 × 10⁻⁵⁰⁶"
        assert words.percent(0.077) == "7,7 %"
        assert words.all_digits(0.1) == "0,1"
    assert words.number(-0.0125) == "−0.0125"


def test_a_language_is_spoken_until_the_block_ends_and_in_its_own_thread_alone():
    heard = []
    with speaking("es"):
        own, bound = lambda: heard.append(languages.spoken()), languages.bound(lambda: heard.append(languages.spoken()))
        for function in (own, bound):
            thread = threading.Thread(target=function)
            thread.start()
            thread.join()
        assert languages.spoken() == "es"
    assert heard == ["en", "es"]
    assert languages.spoken() == "en"


def test_a_language_that_the_page_does_not_speak_is_refused():
    with pytest.raises(ValueError, match="language must be one of en, de, es, not 'tlh'"):
        languages.speak("tlh")


# --- the translations ---------------------------------------------------------------------------------------


@OTHERS
def test_everything_is_translated(language: str):
    assert catalogues.untranslated(language) == []
    assert catalogues.behind(language) == []


@OTHERS
def test_the_catalogue_is_as_make_words_writes_it(language: str):
    stands = (FOLDER / language / MESSAGES).read_text(encoding="utf-8")
    assert stands == catalogues.written(language)


def english_and_other(language: str) -> Iterator[tuple[str, str]]:
    """Every translated text with its English one; of what depends on a number, each form with the one for many."""
    for english, other in catalogues.translations(language).items():
        if isinstance(english, str):
            yield english, other
        else:
            yield from ((english[1], form) for form in other[1:])
            yield english[0], other[0]
    english = {digest(one.text): one.text for one in catalogues.prose_pieces()}
    for path in (FOLDER / language).glob("*.md"):
        yield from ((english[one.of], one.text) for one in pieces(path.read_text(encoding="utf-8")))


PLACE = re.compile(r"\{(\w+)\}")
MATH = re.compile(r"\$\$.*?\$\$|\$[^$\n][^$]*\$", re.DOTALL)
CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]*)\)")
COLOUR = re.compile(r":(orange|blue|gray|green|red|small|material)\b")
TEXT_IN_MATH = re.compile(r"\\text\{[^{}]*\}")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def math(text: str) -> Counter:
    """The formulas of a text, without the words in them and the places where lines break."""
    return Counter(" ".join(TEXT_IN_MATH.sub("", one).split()) for one in MATH.findall(text))


def numbers(text: str) -> Counter:
    """The numbers of a text outside of formulas, code, links and placeholders, in whatever way they are written."""
    bare = text
    for pattern in (CODE, MATH, LINK, PLACE):
        bare = pattern.sub(" ", bare)
    return Counter(one.replace(",", ".") for one in NUMBER.findall(bare))


def without_code(text: str) -> str:
    """A text without formulas, code, and what stays English in every language."""
    for pattern in (CODE, MATH, KEPT):
        text = pattern.sub(" ", text)
    return text


def english_in(text: str) -> list[str]:
    """The English words of a text, each with what stands around it."""
    text = without_code(text)
    return [text[max(0, one.start() - 40) : one.end() + 40] for one in ENGLISH.finditer(text)]


@OTHERS
def test_a_translation_keeps_what_is_no_word(language: str):
    for english, other in english_and_other(language):
        if MATH.search(english):
            assert math(other) == math(english), other
        else:
            assert set(PLACE.findall(other)) - {"count"} == set(PLACE.findall(english)) - {"count"}, other
        assert Counter(LINK.findall(other)) == Counter(LINK.findall(english)), other
        assert Counter(COLOUR.findall(other)) == Counter(COLOUR.findall(english)), other
        assert Counter(CODE.findall(other)) == Counter(CODE.findall(english)), other
        assert other.count("**") == english.count("**"), other


@OTHERS
def test_a_translation_says_the_same_numbers(language: str):
    pairs = list(english_and_other(language))
    assert [(english, other) for english, other in pairs if numbers(other) != numbers(english)] == []


# --- what is composed ---------------------------------------------------------------------------------------


def sentences(section: Section, settings: Settings) -> Iterator[str]:
    """What a section says at these settings."""
    told, said = answer(section, settings), contents(section, settings)
    yield told.question
    for option in told.options:
        yield from (option.text, option.told)
    yield said.asked.question
    yield page_section._sides(said.receipt)
    if section.follows:
        yield section.follows(settings)
    for plot, figure in zip(section.plots_at(settings), section.figures_at(settings), strict=True):
        yield figure.caption
        if plot.walk:
            stops = plot.walk(settings)
            yield from (stops[0].words, stops[len(stops) - 1].words)


# a word in English, a digit in the others
ORDINALS = {"third step": "3 step", "every third": "every 3", "every second": "every 2"}


@OTHERS
@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.slug)
def test_a_section_says_the_same_numbers_in_every_language(section: Section, language: str):
    for settings in STATES.values():
        english = list(sentences(section, settings))
        with speaking(language):
            other = list(sentences(section, settings))
        for one, translated in zip(english, other, strict=True):
            # an ordinal is a word in English and a digit in the others
            said = (
                one.replace("third step", "3 step").replace("every third", "every 3").replace("every second", "every 2")
            )
            assert numbers(translated).keys() == numbers(said).keys(), (one, translated)
            assert english_in(translated) == []
            assert not POINT.search(without_code(translated)), translated


@OTHERS
@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.slug)
def test_the_numbers_of_a_figure_are_the_same_in_every_language(section: Section, language: str):
    english = [figure.tables for figure in section.figures_at(Settings())]
    with speaking(language):
        other = [figure.tables for figure in section.figures_at(Settings())]
    for one, translated in zip(english, other, strict=True):
        assert one.keys() == translated.keys()
        for name, table in one.items():
            assert table.schema == translated[name].schema
            for column in table.schema:
                if not str(column.type).endswith("string"):
                    assert table[column.name].equals(translated[name][column.name])


@OTHERS
def test_a_drawing_differs_in_its_words_alone(language: str):
    def without_words(drawing: object) -> object:
        """A drawing without what says a word, and without what a language adds to it."""
        if isinstance(drawing, list):
            return [without_words(one) for one in drawing if not (isinstance(one, dict) and "calculate" in one)]
        if not isinstance(drawing, dict):
            return drawing
        own = {"title", "labelExpr", "locale", "params", "tooltip", "text"}
        made = {key: without_words(value) for key, value in drawing.items() if key not in own}
        return {key: value for key, value in made.items() if value != []}

    for section in SECTIONS:
        for plot in section.plots:
            english = json.loads(json.dumps(plot.drawing()))
            with speaking(language):
                other = json.loads(json.dumps(plot.drawing()))
            assert without_words(other) == without_words(english), plot.title
            assert other["config"]["locale"]["number"]["decimal"] == ","


# --- the page -----------------------------------------------------------------------------------------------


@functools.cache
def page_in(language: str) -> Reader:
    at = Reader()
    at.query_params["lang"] = language
    at.run()
    assert [problem.message for problem in at.exception] == []
    return at


@OTHERS
def test_no_english_is_left_on_the_page(language: str):
    shown = [text for text in texts(page_in(language)) if prose.REFERENCES.strip() not in text]
    assert [found for text in shown if (found := english_in(text))] == []


NAMES = {"Gate f", "Seeds", "Start h(t−k)", "Notebook", "Handout", "Training", "Symbols"}
"""Texts that another language may have word for word."""


@OTHERS
def test_little_on_the_page_is_as_in_english(language: str):
    english = set(texts(page_in(languages.ENGLISH)))
    values = {text for control in CONTROLS for text in map(control.text, control.values)}
    same = {KEPT.sub("", text) for text in texts(page_in(language)) if text in english}
    assert {text for text in same if re.search("[a-z]{3}", text)} <= values | NAMES


def test_a_symbol_is_heard_in_the_readers_language():
    heard = set(re.findall(r'<button type="button" aria-label="(\w[\w ]*)"', " ".join(texts(page_in("de")))))
    assert {"Sigma", "Steigung", "unmittelbare Ableitung"} <= heard
    assert not {"sigma", "slope", "immediate"} & heard


@OTHERS
def test_the_page_tells_the_document_its_language_and_leads_to_the_others(language: str):
    written = " ".join(node.proto.body for node in page_in(language).main if node.type == "html")
    assert f'document.documentElement.lang = "{language}";' in written
    ways = re.findall(r'<a href="\?lang=(\w+)" lang="\w+" hreflang="\w+" target="_self">(.*?)</a>', written)
    assert ways == [(code, name) for code, name in LANGUAGES.items() if code != language]


@pytest.mark.parametrize(
    ("asked", "language"),
    [([], "en"), (["de"], "de"), (["ES"], "es"), (["de-AT"], "de"), (["es_MX"], "es"), (["en", "de"], "de")],
)
def test_a_link_asks_for_a_language(asked: list[str], language: str):
    assert links.language(asked) == language


@pytest.mark.parametrize("asked", ["", "tlh", "de,es", "<script>", "d" * 4000])
def test_a_link_that_asks_for_none_of_them_gets_english(asked: str):
    assert links.language([asked]) is None


def test_a_link_that_asks_for_none_of_them_is_told_so_once():
    at = Reader(has_been_through=False)
    at.query_params["lang"] = "tlh"
    at.run()
    why = "`lang` takes `en` (English), `de` (Deutsch) and `es` (Español)"
    assert [note.value for note in at.warning] == [f"Some of this link could not be used as it is: {why}."]
    assert at.title[0].value == "Why gates remember"


def test_a_link_keeps_the_language():
    assert links.query(Settings()) == ""
    with speaking("de"):
        assert links.query(Settings(), ("k-steps",), embed=True) == "lang=de&embed=true&section=k-steps"


def test_what_a_script_says_stands_in_the_list_of_its_words():
    scripts = "".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.parent.glob("page/*.[jh]*")))
    flat = re.sub(r'" \+\s+"', "", scripts)
    assert [text for text in OF_SCRIPTS if text not in flat] == []


def test_a_callback_speaks_the_readers_language_before_the_script_does():
    at = Reader(has_been_through=False)
    at.query_params.update(lang="de", tasks="first-look", section="vanish-or-explode")
    at.run()
    (button,) = [one for one in at.button if one.label == "Diese Vorhersage endgültig festhalten"][:1]
    button.click().run()
    assert "Wähle eine Antwort und begründe sie mit mindestens" in " ".join(one.value for one in at.warning)


def test_the_lists_of_what_there_is_lead_there_in_the_readers_language():
    at = Reader(has_been_through=False)
    at.query_params.update(lang="de", section="no-such-section", tasks="none-such")
    at.run()
    listed = " ".join(one.value for one in at.info)
    assert "(?lang=de&section=k-steps)" in listed
    assert "(?lang=de&tasks=first-look)" in listed


def test_the_tables_that_a_reader_saves_are_the_same_in_every_language():
    english = [data.csv(data.table_of(figure)) for one in SECTIONS for figure in data.figures_of(one, Settings())]
    with speaking("de"):
        other = [data.csv(data.table_of(figure)) for one in SECTIONS for figure in data.figures_of(one, Settings())]
    assert other == english


def test_a_translation_that_is_marked_fuzzy_is_not_shown_and_stays_marked(tmp_path):
    (tmp_path / "de").mkdir()
    text = (FOLDER / "de" / MESSAGES).read_text(encoding="utf-8")
    marked = text.replace('msgid "Look closer"', '#, fuzzy\nmsgid "Look closer"', 1)
    (tmp_path / "de" / MESSAGES).write_text(marked, encoding="utf-8")
    assert read("de", tmp_path).translated("Look closer") == "Look closer"
    assert '#, fuzzy\nmsgid "Look closer"' in catalogues.written("de", tmp_path)


# --- what a reader takes along ------------------------------------------------------------------------------


@OTHERS
def test_the_files_speak_the_readers_language(language: str):
    with speaking(language):
        page = handout.page(Settings(), "https://example.org/?lang=de")
        book = notebook.build(Settings(), "https://example.org/")
        note = data._note([], Settings(), "https://example.org/")
    assert f'<html lang="{language}">' in page
    visible = re.sub(r"<(style|script|pre|code|math|blockquote)\b.*?</\1>", " ", page, flags=re.DOTALL)
    assert english_in(visible.partition("Bengio, Y.")[0]) == []
    nbformat.validate(book)
    assert english_in(note) == []
    written = [cell.source for cell in book.cells if cell.cell_type == "markdown"]
    assert [found for text in written if (found := english_in(text))] == []
