"""Taking the page along: what a link shows, links to copy, code to embed, and the files to download."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.figures.figure import Figure, Plot
from explainer.lesson import SECTIONS, citation
from explainer.lesson.parts import Section
from explainer.page import layout as page
from explainer.page import parts as page_parts
from explainer.page import state as page_state
from explainer.take import data as downloads
from explainer.take import handout, links, notebook
from explainer.take.links import View

TITLE = "Take it with you"
ANCHOR = "take-it-with-you"

_SLUGS = tuple(section.slug for section in SECTIONS)
_MOVED_BY = {section.slug: section.moved_by for section in SECTIONS}
_TITLES = {section.slug: f"{n}. {section.title}" for n, section in enumerate(SECTIONS, 1)}
_AS_LINKED = "settings-of-the-link"
_WIDTH = 300  # pixels of a control above a section
_LINK_HEIGHT = 56  # pixels
_FEW = 12  # so many controls stand open; more are folded away


# --- what a link shows --------------------------------------------------------------------------------------


def view() -> View:
    """The part of the page that this reader's link asks for."""
    return links.view(st.query_params.get_all(links.SECTION), st.query_params.get_all(links.CONTROLS_PARAMETER), _SLUGS)


def controls(shown: View) -> None:
    """Draw the view's controls.

    The whole page has them in its sidebar. A part of it, or an iframe, has no room for one: there they stand above
    the sections. What is not drawn stays as the link has it.
    """
    if shown.sections is None and shown.controls is None and not st.context.is_embedded:
        page_state.draw(tuple(CONTROL))
        page.sidebar()
        page_state.settle()
        return
    names = shown.movable(_MOVED_BY)
    page_state.draw(names)
    with st.container(key="controls"):
        if names:
            _controls(names)
    page_state.settle()


def _controls(names: Sequence[str]) -> None:
    linked = st.session_state.setdefault(_AS_LINKED, page_state.linked())
    with st.expander("Controls", icon=":material/tune:", expanded=len(names) <= _FEW):
        for group, controls in itertools.groupby((CONTROL[name] for name in names), key=lambda control: control.group):
            st.markdown(f"**{page.group_heading(group)}**")
            with st.container(horizontal=True, gap="medium"):  # as many abreast as there is room for
                for control in controls:
                    with st.container(width=_WIDTH):
                        page.widget(control, explain=False)
        st.button(
            "Back to the link's values",
            icon=":material/restart_alt:",
            on_click=page_state.set_controls,
            args=(linked, names),
            key="reset",
        )


def sections(shown: View) -> tuple[str, ...]:
    """The slugs of what the view shows, in order: of sections, and on the whole page of the panel below them."""
    return (*_SLUGS, ANCHOR) if shown.sections is None else shown.sections


def shows(shown: View, section: Section) -> bool:
    return section.slug in sections(shown)


def above_a_part(shown: View) -> None:
    """What stands above some sections that are shown by themselves."""
    if not st.context.is_embedded:  # the page around an iframe has a title of its own
        st.title(citation.SHORT_TITLE, anchor=False)
    if shown.unknown_sections:
        listed = "\n".join(f"- [{title}](?{links.SECTION}={slug}): `{slug}`" for slug, title in _TITLES.items())
        missing = "There is no such section." if not shown.sections else "One section of this link does not exist."
        st.info(f"{missing} These are the sections of the lesson:\n\n{listed}", icon=":material/signpost:")
    note_on_controls(shown)


def note_on_controls(shown: View) -> None:
    place = st.empty()
    if shown.unknown_controls:
        names = ", ".join(f"`{name}`" for name in CONTROL)
        place.info(f"This link names a control that does not exist. `controls=` takes `none`, or any of {names}.")


def below_a_part(shown: View) -> None:
    """The way from some sections to the whole lesson, in the same state."""

    def draw(now: Settings) -> None:
        whole = links.address(_base(), links.query(now), shown.sections[0] if shown.sections else "")
        st.markdown(f":small[From [*{citation.SHORT_TITLE}*]({whole}), a live lesson in {len(SECTIONS)} sections.]")

    page_parts.place("whole-lesson", _as_it_is, draw)


# --- links and embedding ------------------------------------------------------------------------------------


def _as_it_is(settings: Settings) -> Settings:
    """What a link holds: all of it."""
    return settings


def _base() -> str:
    """Where this page is served, as the reader's browser sees it, below whatever path."""
    return f"{(st.context.url or '').rstrip('/')}/"


def link(now: Settings, anchor: str = "") -> str:
    """A link to exactly this state, and to a section."""
    return links.address(_base(), links.query(now), anchor)


def copy_link() -> None:
    """Where readers look for it: a link to what they see, to copy."""
    with st.container(key="share", horizontal=True):
        _opens("copy-link", "Copy link", ":material/link:", lambda: _copy_dialog(page_state.chosen()))
        _embed_button((), "embed-whole")


def _opens(key: str, label: str, icon: str, dialog: Callable[[], None]) -> None:
    """A button that opens a dialog."""

    def draw(_: None) -> None:
        if st.button(label, icon=icon, key=key, on_click=page_parts.rerun, args=(key,)):
            dialog()

    page_parts.place(key, lambda _: None, draw, moved_by=())


@st.dialog("Copy link", width="large")
def _copy_dialog(now: Settings) -> None:
    st.markdown("A link to exactly this state of every control:")
    _shown_link(link(now))
    st.markdown(f"To one section only, to embed it, and to keep it: *{TITLE}*, at the end of the page.")


def _shown_link(address: str) -> None:
    st.code(address, language=None, wrap_lines=True)


def _embed_button(slugs: Sequence[str], key: str) -> None:
    _opens(key, "Embed …", ":material/code:", lambda: embed_dialog(page_state.chosen(), slugs))


_READERS_OWN = "the reader's own"
_THEMES = {_READERS_OWN: None, "light": links.LIGHT, "dark": links.DARK}
_ALL, _NONE, _SOME = "all that move it", "none", "only some"


@st.dialog("Embed", width="large")
def embed_dialog(now: Settings, slugs: Sequence[str]) -> None:
    """The code of an iframe for the present state, and what it can be told."""
    st.markdown(
        "Paste this into a course page. It opens in exactly this state; readers may move the controls you give."
    )
    sections = st.multiselect(
        "Sections (none chosen: the whole lesson)", _SLUGS, default=list(slugs), format_func=_TITLES.__getitem__
    )
    which = st.segmented_control("Controls that readers may move", (_ALL, _NONE, _SOME), default=_ALL, required=True)
    moving = View(sections=tuple(slug for slug in _SLUGS if slug in sections) or None).movable(_MOVED_BY)
    free: Sequence[str] | None = {_ALL: None, _NONE: ()}.get(which)
    if which == _SOME:
        free = st.multiselect("These", moving, format_func=lambda name: f"{CONTROL[name].label} ({name})")
    title_place, height_place, theme_place = st.columns(3)
    ordered = tuple(slug for slug in _SLUGS if slug in sections)
    title = title_place.text_input(
        "Title, for screen readers",
        "; ".join(_TITLES[slug].partition(". ")[2] for slug in ordered) or citation.SHORT_TITLE,
        max_chars=200,
    )
    height = height_place.number_input("Height in pixels", 200, 5000, 900, 50)
    theme = theme_place.segmented_control("Theme", tuple(_THEMES), default=_READERS_OWN, required=True)
    source = links.address(_base(), links.query(now, ordered, free, embed=True, theme=_THEMES[theme]))
    st.markdown("**The code**")
    st.code(links.iframe(source, title, int(height)), language=None, wrap_lines=True)
    st.markdown(f"**Its address** ([look at it]({source}))")
    st.code(source, language=None, wrap_lines=True)


# --- below each section -------------------------------------------------------------------------------------


def beside(number: int, section: Section) -> None:
    """Below a section: its link, and the code and the numbers of each figure. Made only while it is open."""
    key = f"take-{section.slug}"

    def content(settings: Settings) -> Settings | None:
        return settings if st.session_state.get(key) else None

    page_parts.place(key, content, functools.partial(_beside, number, section))


def _beside(number: int, section: Section, _: Settings | None) -> None:
    slug, now = section.slug, page_state.now()
    key = f"take-{slug}"
    fold = st.expander(
        "Link, code and data", icon=":material/ios_share:", key=key, on_change=page_parts.rerun, args=(key,)
    )
    with fold:
        if not fold.open:  # in a new session, what the browser has kept is known only now
            return
        st.markdown("**A link to this section in this state**")
        st.code(link(now, slug), language=None, wrap_lines=True)
        _embed_button((slug,), f"embed-{slug}")
        for count, (plot, figure) in enumerate(zip(section.plots_at(now), section.figures_at(now), strict=True), 1):
            _code_and_data(number, count, section, plot, figure, now)


def _code_and_data(number: int, count: int, section: Section, plot: Plot, figure: Figure, now: Settings) -> None:
    st.markdown(f"**Figure {number}.{count}. {figure.title}**")
    takes = " It trains networks, which takes minutes." if plot.program.minutes else ""
    st.caption(f"The code behind it, in plain torch at your settings, ready to run.{takes}")
    st.code(plot.program.code(now), language=None, wrap_lines=True)  # the highlighter's colours are too pale
    st.download_button(
        "Data (CSV)",
        downloads.csv(downloads.table_of(figure)),
        downloads.file_name(number, count, figure, section, now),
        "text/csv",
        key=f"csv-{number}-{count}",
        on_click="ignore",
        icon=":material/table:",
    )


# --- the whole lesson ---------------------------------------------------------------------------------------


@dataclass
class _Taken:
    """What the files hold that the buttons give: the state of the link that stands above them."""

    settings: Settings
    link: str


def _file(label: str, make: Callable[[], str | bytes], name: str, kind: str, icon: str, explanation: str) -> None:
    key = f"take-{label.lower().split()[-1]}"
    st.download_button(label, make, name, kind, key=key, on_click="ignore", icon=icon, help=explanation)


def panel() -> None:
    """Links, code and files for the whole lesson in its present state. A file is made when it is asked for."""
    with st.container(key=f"section-{ANCHOR}"):
        page.prose(
            TITLE,
            ANCHOR,
            "Everything here holds the state that you see: every control as it stands now.\n\n"
            "**A link to exactly this state**",
        )
        taken = _Taken(page_state.chosen(), link(page_state.chosen()))

        def show(now_and_drawn: tuple[Settings, bool]) -> None:
            now, is_drawn = now_and_drawn
            taken.settings, taken.link = now, link(now)
            if is_drawn:
                _shown_link(taken.link)
            else:
                st.html(page.kept_places([("", _LINK_HEIGHT, "")]))

        with st.container(key="take-link"):
            _place("link-to-take", _as_it_is, show)
        with st.container(horizontal=True, key="take-files"):
            _embed_button((), "embed-lesson")
            _file(
                "Notebook",
                lambda: notebook.written(taken.settings, taken.link),
                notebook.FILE_NAME,
                "application/x-ipynb+json",
                ":material/note_stack:",
                "The lesson as a Jupyter notebook at your settings. Needs torch, numpy and altair, as on Colab.",
            )
            _file(
                "Handout",
                lambda: handout.page(taken.settings, taken.link),
                handout.FILE_NAME,
                "text/html",
                ":material/docs:",
                "The whole lesson at your settings as one HTML file that needs no network and no server.",
            )
            _file(
                "All data",
                lambda: downloads.all_tables(SECTIONS, taken.settings, taken.link),
                downloads.ZIP_NAME,
                "application/zip",
                ":material/folder_zip:",
                "The numbers of every figure as CSV, in one zip with the settings.",
            )
        with st.expander("Cite", icon=":material/format_quote:", key="cite"):
            _place("citation", link, _cite)


def _place(key: str, content: Callable[[Settings], Any], draw: Callable[[tuple[Any, bool]], None]) -> None:
    """A part of the panel that holds code: Streamlit's box for it is heavy, and has time until a reader comes near."""
    page_parts.place(key, lambda now: (content(now), ANCHOR in page_parts.drawn()), draw, section=ANCHOR)


def _cite(address_and_drawn: tuple[str, bool]) -> None:
    address, is_drawn = address_and_drawn
    st.markdown(f"{citation.CITATION} {address}")
    if is_drawn:
        st.code(citation.bibtex(_base()), language=None, wrap_lines=True)
