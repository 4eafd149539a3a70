"""What the server knows of one reader: one value in one key of the session.

Widgets keep their own keys there: a control has its name, and its key is its parameter in the URL.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from explainer import languages, words
from explainer.choices import spelling
from explainer.choices.controls import CONTROL
from explainer.choices.keeping import KEEP
from explainer.choices.presets import Preset
from explainer.choices.settings import Settings, from_query
from explainer.course.hand_in import HandIn
from explainer.course.tasks import Assignment
from explainer.figures.sweep import Slice
from explainer.languages import LANGUAGES, say
from explainer.lesson.parts import Section
from explainer.serving.jobs import Ticket
from explainer.take import links
from explainer.take.links import CONTROLS_PARAMETER, LANGUAGE, PROJECTOR, SECTION, TASKS, VIEW

KEY = "page-state"
PAUSE = 30  # milliseconds without a move after which the browser asks for what is late


class Urgency(enum.IntEnum):
    """How soon a run may compute; the smallest comes first."""

    IN_SIGHT = 0
    WHOLE_PAGE = 1
    OUT_OF_SIGHT = 2
    AHEAD = 3


@dataclass(frozen=True)
class Part:
    """A piece of the page that is drawn again by itself.

    Attributes:
        content: what it shows at some settings, compared with ``==``; cheap if it has been asked before.
        moved_by: names of the controls that can change it.
        section: the slug of the section that it belongs to, ``parts.EVERYWHERE``, or empty.
        sweep: what of it the browser can redraw by itself at some settings; None if it can redraw nothing.
        variant: what else decides what it shows besides the settings, such as an answer of this reader.
        within: the key of the part that has added it; empty if the page has.
    """

    content: Callable[[Settings], object]
    moved_by: Collection[str]
    section: str
    sweep: Callable[[Settings], Slice] | None = None
    variant: Callable[[], Hashable] = lambda: None
    within: str = ""


@dataclass(frozen=True)
class Put:
    """What the server has put a widget at.

    Attributes:
        value: of the widget, from when it is drawn next.
        drawn_by: the key of the fragment that draws it.
        before: the values that the browser may still say, until it has heard of this one.
        number: counts up, also when it is drawn again.
    """

    value: object
    drawn_by: str
    before: tuple[object, ...]
    number: int


@dataclass(frozen=True)
class Overruled:
    """Where the server had put a widget that the reader has moved since, before the browser had heard of it.

    Attributes:
        value: the server's.
        by: the reader's.
        drawn_by: the key of the fragment that draws the widget.
        number: counts on with those of the puts.
    """

    value: object
    by: object
    drawn_by: str
    number: int


@dataclass(frozen=True)
class Answer:
    """A reader's answer to the prediction of a section.

    Attributes:
        before: the settings before the move, as far as the section reads them: they say which move it was.
        chosen: the number of the option; None for a reader who wanted to be shown.
    """

    before: Settings
    chosen: int | None


@dataclass(eq=False)
class Desk:
    """What a student works at.

    Attributes:
        assignment: the one that the link names.
        hand_in: the answers so far.
        heard: whether the browser has said what it has kept from before.
        keeps: whether the browser keeps the answers.
        turn: how often the browser has said what it keeps.
        missing: what a prediction lacks that was sent incomplete, as a sentence, by the task's name.
    """

    assignment: Assignment
    hand_in: HandIn
    heard: bool = False
    keeps: bool = True
    turn: int = 0
    missing: dict[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class PageState:
    """One reader's page. The sections are named by their slugs, the parts by their keys.

    Attributes:
        notes: what was put right in the link, until the page has said so; None before the link has been read.
        linked: the settings of the link that opened the page.
        controls: names of the controls that are on the page.
        chosen: the settings that the reader has chosen.
        now: the settings that the figures show: as ``chosen``, but a control that is being dragged has the value that
            is under the pointer.
        sections: the sections of this page, in order.
        near: the sections that the reader has come near; they stay drawn.
        in_sight: the sections in sight; None until the browser has said.
        parts: every part of the page.
        drawing: the key of the part that is being drawn; empty if none is.
        shown: what each part has drawn last.
        late: the parts that may not show the present settings yet.
        is_whole: whether every part is on the page; False while the script runs from top to bottom.
        urgency: of the parts that run next.
        moves: how often the reader has moved a control.
        patience: milliseconds that the browser waits before it asks for what is late.
        dragged: the number of the last message about a dragged slider.
        puts: where the server has put widgets, by their keys, until the browser has heard of it.
        put: the number of the last of them.
        overruled: where it had put those that the reader has moved since, by their keys, as long as that may come back.
        drawn: the keys of those that have been drawn there.
        told: the number of the last of them that the browser has been told of.
        heard: the number of the last of them that the browser has said it has heard of.
        pressed: the number of the last message about a press in a figure.
        sweep: the control whose sweep the browser has asked for, and the sections in sight; None if it has not.
        work: the plan and the ticket of the long work that the reader has begun, by section.
        is_framed: whether the browser has said that the page stands in a frame of another one.
        opened: the key of the button that has opened a box in place; empty if none is open.
        asked, dialog: the keys of the buttons that are to open a dialog, and that have opened the last one, or empty.
        preset: the preset that the reader has taken last, and the settings before it, until that is undone.
        answers: the reader's answers, by section.
        recalls: whether the answers that the browser keeps have been asked for, or are known.
        brought: the sections about what this reader has brought, by their slugs; gone with the session.
        desk: the assignment that the link names, and the answers to it; None where it names none.
        language: that the reader reads.
        reader: tells this session from others.
    """

    notes: tuple[str, ...] | None = None
    linked: Settings = field(default_factory=Settings)
    controls: tuple[str, ...] = ()
    chosen: Settings = field(default_factory=Settings)
    now: Settings = field(default_factory=Settings)
    sections: tuple[str, ...] = ()
    near: set[str] = field(default_factory=set)
    in_sight: frozenset[str] | None = None
    parts: dict[str, Part] = field(default_factory=dict)
    drawing: str = ""
    shown: dict[str, object] = field(default_factory=dict)
    late: set[str] = field(default_factory=set)
    is_whole: bool = False
    urgency: Urgency = Urgency.WHOLE_PAGE
    moves: int = 0
    patience: int = PAUSE
    dragged: int = 0
    puts: dict[str, Put] = field(default_factory=dict)
    put: int = 0
    overruled: dict[str, Overruled] = field(default_factory=dict)
    drawn: set[str] = field(default_factory=set)
    told: int = 0
    heard: int = 0
    pressed: int = 0
    sweep: tuple[str, tuple[str, ...]] | None = None
    work: dict[str, tuple[object, Ticket]] = field(default_factory=dict)
    is_framed: bool = False
    opened: str = ""
    asked: str = ""
    dialog: str = ""
    preset: tuple[Preset, Settings] | None = None
    answers: dict[str, Answer] = field(default_factory=dict)
    recalls: bool = False
    brought: dict[str, Section] = field(default_factory=dict)
    desk: Desk | None = None
    language: str = languages.ENGLISH
    reader: object = field(default_factory=object)


def page_state() -> PageState:
    """The state of the reader whose script runs. This thread speaks the reader's language from now on."""
    if KEY not in st.session_state:
        st.session_state[KEY] = PageState()
    state = st.session_state[KEY]
    languages.speak(state.language)
    return state


def _readers_language() -> str:
    """The language of the reader whose script runs in this thread, also in a callback that comes before the script."""
    runs = get_script_run_ctx(suppress_warning=True) is not None
    return st.session_state[KEY].language if runs and KEY in st.session_state else languages.ENGLISH


languages.ask(_readers_language)

# --- the link -----------------------------------------------------------------------------------------------


def read_link() -> None:
    """On a reader's first run, put the URL right where it asks for what cannot be, and keep a note of it."""
    state = page_state()
    if state.notes is not None:
        return
    asked = {name: st.query_params.get_all(name) for name in st.query_params}
    respelt = spelling.respelt(asked, (*CONTROL, KEEP, SECTION, CONTROLS_PARAMETER, TASKS, VIEW, LANGUAGE))
    meant = {respelt.get(name, name): texts for name, texts in asked.items()}
    take_language(meant.get(LANGUAGE, ()))
    state.linked, state.notes = from_query(meant)
    if respelt:
        names = ", ".join(f"`{name}`" for name in dict.fromkeys(respelt.values()))
        said = say("the link spells {names} otherwise, and has been read so", names=names)
        state.notes = (said, *state.notes)
    if set(meant.get(VIEW, ())) - {PROJECTOR}:
        state.notes = (*state.notes, say("`{name}` takes `{value}` alone", name=VIEW, value=PROJECTOR))
    if links.language(meant.get(LANGUAGE, ())) is None:
        named = words.listed([f"`{one}` ({name})" for one, name in LANGUAGES.items()])
        state.notes = (*state.notes, say("`{name}` takes {languages}", name=LANGUAGE, languages=named))
    others = {name: texts for name, texts in meant.items() if name not in (*CONTROL, KEEP)}
    canonical = others | state.linked.to_query()
    unlike = [name for name in {**asked, **canonical} if asked.get(name) != canonical.get(name)]
    for name in unlike:  # no widget is there yet; each takes its value from the URL
        if name in canonical:
            st.query_params[name] = canonical[name]
        else:
            del st.query_params[name]
    if unlike:
        st.rerun()


def take_language(texts: Sequence[str]) -> None:
    """From now on speak the language that these values of ``lang=`` ask for; English where the page has none such."""
    page_state().language = links.language(texts) or languages.ENGLISH
    languages.speak(page_state().language)


def keep(states: Sequence[Settings]) -> None:
    """Put the states that the reader keeps for comparison into the URL, in place of those that stand there."""
    texts = Settings().with_kept(states).to_query().get(KEEP, [])
    if texts:
        st.query_params[KEEP] = texts
    elif KEEP in st.query_params:
        del st.query_params[KEEP]


def take_notes() -> tuple[str, ...]:
    """The notes on the link, once; then there are none."""
    state = page_state()
    notes, state.notes = state.notes, ()
    return notes
