"""What a reader takes along: a section's link, code and numbers below it, and the whole lesson's files at the end."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import streamlit as st

from explainer.choices.settings import Settings
from explainer.figures.figure import Figure, Plot
from explainer.languages import bound, say
from explainer.lesson import citation
from explainer.lesson.parts import Section
from explainer.page import figures, layout, own, parts, share
from explainer.page.state import page_state
from explainer.take import data, handout, notebook

ANCHOR = "take-it-with-you"

_LINK_HEIGHT = 56  # pixels


# --- below each section -------------------------------------------------------------------------------------


def below_a_section(number: int, section: Section) -> None:
    """A section's link, and the code and the numbers of each figure; made only while the fold is open."""
    key = f"take-{section.slug}"

    def content(settings: Settings) -> Settings | None:
        return settings if st.session_state.get(key) else None

    parts.add(key, content, functools.partial(_fold, number, section, key))


def _fold(number: int, section: Section, key: str, _: Settings | None) -> None:
    settings = page_state().now
    fold = st.expander(
        say("Link, code and data"), icon=":material/ios_share:", key=key, on_change=parts.rerun, args=(key,)
    )
    with fold:
        if not fold.open:  # a new session knows only now what the browser has kept open
            return
        st.markdown(f"**{say('A link to this section in this state')}**")
        layout.code(share.link(settings, section.slug))
        share.embed_button((section.slug,), f"embed-{section.slug}")()
        shown = zip(section.plots_at(settings), data.figures_of(section, settings), strict=True)
        for count, (plot, figure) in enumerate(shown, 1):
            _code_and_data(number, count, section, plot, figure, settings)


def _code_and_data(number: int, count: int, section: Section, plot: Plot, figure: Figure, settings: Settings) -> None:
    st.markdown(f"**{figures.label(number, count)}. {say(figure.title)}**")
    takes = f" {say('It trains networks, which takes minutes.')}" if plot.program.minutes else ""
    st.caption(f"{say('The code behind it, in plain torch at your settings, ready to run.')}{takes}")
    layout.code(plot.program.code(settings))
    table = data.table_of(figure)
    st.download_button(
        say("Data (CSV)") if len(table) else say("Data (CSV): no numbers yet"),
        functools.partial(data.csv, table),
        data.file_name(number, count, figure, section, settings),
        "text/csv",
        key=f"csv-{number}-{count}",
        on_click="ignore",
        icon=":material/table:",
        disabled=not len(table),
    )


# --- the whole lesson ---------------------------------------------------------------------------------------


def panel() -> None:
    """Links, code and files for the whole lesson in its present state."""
    with st.container(key=f"section-{ANCHOR}"):
        layout.text(
            say(share.PANEL),
            ANCHOR,
            f"{say('Everything here holds the state that you see: every control as it stands now.')}\n\n"
            f"**{say('A link to exactly this state')}**",
        )
        # what the files hold; they are made in no reader's run, which alone knows the page's address
        shown, address, lesson = page_state().chosen, share.link(page_state().chosen), own.lesson()

        def show_link(settings_and_drawn: tuple[Settings, bool]) -> None:
            nonlocal shown, address
            shown, is_drawn = settings_and_drawn
            address = share.link(shown)
            if is_drawn:
                layout.code(address)
            else:
                st.html(layout.placeholders([("", _LINK_HEIGHT, "")]))

        with st.container(key="take-link"):
            _add("link-to-take", lambda settings: settings, show_link)
        with st.container(horizontal=True, key="take-files"):
            place_of_the_code = share.embed_button((), "embed-lesson")
            _file(
                "notebook",
                say("Notebook"),
                lambda: notebook.written(shown, address, lesson),
                notebook.FILE_NAME,
                "application/x-ipynb+json",
                ":material/note_stack:",
                say("The lesson as a Jupyter notebook at your settings. Needs torch, numpy and altair, as on Colab."),
            )
            _file(
                "handout",
                say("Handout"),
                lambda: handout.page(shown, address, lesson),
                handout.FILE_NAME,
                "text/html",
                ":material/docs:",
                say("The whole lesson at your settings as one HTML file that needs no network and no server."),
            )
            _file(
                "data",
                say("All data"),
                lambda: data.all_tables(lesson, shown, address),
                data.ZIP_NAME,
                "application/zip",
                ":material/folder_zip:",
                say("The numbers of every figure as CSV, in one zip with the settings."),
            )
        place_of_the_code()
        with st.expander(say("Cite"), icon=":material/format_quote:", key="cite"):
            _add("citation", share.link, _cite)


def _file(
    what: str, label: str, make: Callable[[], str | bytes], name: str, kind: str, icon: str, explanation: str
) -> None:
    """A button that saves a file, which is made when it is pressed, in the reader's language."""
    st.download_button(
        label, bound(make), name, kind, key=f"take-{what}", on_click="ignore", icon=icon, help=explanation
    )


def _add(key: str, content: Callable[[Settings], Any], show: Callable[[tuple[Any, bool]], None]) -> None:
    """Add a part with code in it to the panel: Streamlit's box for code is heavy, and waits until a reader is near."""
    parts.add(key, lambda settings: (content(settings), ANCHOR in parts.drawn()), show, section=ANCHOR)


def _cite(address_and_drawn: tuple[str, bool]) -> None:
    address, is_drawn = address_and_drawn
    st.markdown(f"{citation.CITATION} {address}")
    if is_drawn:
        layout.code(citation.bibtex(share.base()))
