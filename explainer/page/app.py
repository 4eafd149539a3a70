"""The page around the sections: how a run begins and ends, and what stands above and below them."""

from __future__ import annotations

import gc
from pathlib import Path

import streamlit as st

from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.languages import say
from explainer.lesson import SECTIONS, citation, notation, prose
from explainer.page import (
    language,
    layout,
    live,
    memory,
    opening,
    parts,
    press,
    server,
    share,
    sidebar,
    status,
    sweep,
    take,
    tasks,
)
from explainer.page.state import read_link, take_language, take_notes
from explainer.take import links
from explainer.take.links import View

_HERE = Path(__file__).parent
_MODULES = ("frame.js", "buttons.js", "follow.js", "address.js", "symbols.js")
SCRIPTS = (_HERE / "page.html").read_text(encoding="utf-8") + "".join(
    f'<script type="module">\n{(_HERE / name).read_text(encoding="utf-8")}</script>' for name in _MODULES
)  # in one element: each costs time at every move
PROJECTOR = _HERE / "projector.css"
PROJECTOR_SCRIPT = f'<script type="module">\n{(_HERE / "projector.js").read_text(encoding="utf-8")}</script>'
ICON = Path(__file__).with_name("icon.svg")


def begin() -> View:
    """Set the page up and read its link; what the link shows."""
    take_language(st.query_params.get_all(links.LANGUAGE))
    st.set_page_config(
        page_title=say(citation.SHORT_TITLE),
        page_icon=str(ICON),
        layout="wide",
        initial_sidebar_state="collapsed" if st.context.is_embedded else "auto",
    )
    _freeze_imports()
    read_link()
    if not server.has_styled():
        st.html(server.STYLE)
    st.html(language.of_the_document() + SCRIPTS, unsafe_allow_javascript=True)
    if st.query_params.get_all(links.VIEW) == [links.PROJECTOR]:
        st.html(PROJECTOR)
        st.html(PROJECTOR_SCRIPT, unsafe_allow_javascript=True)
    slugs = [section.slug for section in SECTIONS]
    view = links.view(st.query_params.get_all(links.SECTION), st.query_params.get_all(links.CONTROLS_PARAMETER), slugs)
    # what stands above and below the whole lesson is drawn when a reader comes near, as a section is
    parts.begin((opening.SLUG, *slugs, take.ANCHOR) if view.sections is None else view.sections)
    return view


@st.cache_resource
def _freeze_imports() -> None:
    """Once per process: what the imports brought stays, and later collections of garbage need not look at it."""
    gc.collect()
    gc.freeze()


def end() -> None:
    """Listen to the browser; every part is on the page."""
    memory.listen()
    press.listen()
    sweep.listen()
    tasks.listen()
    live.listen()
    parts.end()


# --- above and below the sections ------------------------------------------------------------------------------


def above(view: View) -> None:
    """What stands above the sections: the title, the controls, notes on the link; on the whole page more than that."""
    is_whole = view.sections is None
    if is_whole:  # the title comes before the controls, so that there is something to read at once
        language.menu()
        st.title(say(citation.SHORT_TITLE), anchor=False)
        st.markdown(say(prose.PROMISE))
        sidebar.controls(view)
        _note_on_controls(view)
        _notes_on_the_link()
        tasks.head(view)
        status.bar()
        opening.draw()
        st.markdown(say(prose.AIM))
        share.buttons()
        layout.text(say("Notation"), "notation", notation.table())
        return
    sidebar.controls(view)
    if not st.context.is_embedded:  # the page around an iframe has a title of its own
        language.menu()
        st.title(say(citation.SHORT_TITLE), anchor=False)
    _note_on_sections(view)
    _note_on_controls(view)
    _notes_on_the_link()
    tasks.head(view)


def below(view: View) -> None:
    """What stands below the sections: what a reader can take along, or the way to the whole lesson."""
    tasks.hand_in_panel()
    if view.sections is None:
        take.panel()
        layout.text(say("References"), "references", prose.REFERENCES)
        return

    def way(now: Settings) -> None:
        whole = share.link(now, view.sections[0] if view.sections else "")
        said = say(
            "From [*{title}*]({address}), a live lesson in {count} sections.",
            title=say(citation.SHORT_TITLE),
            address=whole,
            count=len(SECTIONS),
        )
        st.markdown(f":small[{said}]")

    parts.add("whole-lesson", lambda settings: settings, way)


# --- notes --------------------------------------------------------------------------------------------------


def _note_on_sections(view: View) -> None:
    if view.unknown_sections:
        titles = {section.slug: f"{number}. {say(section.title)}" for number, section in enumerate(SECTIONS, 1)}
        listed = "\n".join(
            f"- [{title}](?{links.asking(links.SECTION, slug)}): `{slug}`" for slug, title in titles.items()
        )
        missing = say("One section of this link does not exist.") if view.sections else say("There is no such section.")
        st.info(f"{missing} {say('These are the sections of the lesson:')}\n\n{listed}", icon=":material/signpost:")


def _note_on_controls(view: View) -> None:
    slot = st.empty()
    if view.unknown_controls:
        names = ", ".join(f"`{name}`" for name in CONTROL)
        slot.info(
            say(
                "This link names a control that does not exist. `controls=` takes `none`, or any of {names}.",
                names=names,
            )
        )


def _notes_on_the_link() -> None:
    """What was put right in the link; gone with the next change."""

    def show(notes: tuple[str, ...]) -> None:
        slot = st.empty()  # also without notes, so that the charts below keep their position in the page
        if notes:
            said = "; ".join(notes)
            slot.warning(
                say("Some of this link could not be used as it is: {notes}.", notes=said), icon=":material/link:"
            )

    parts.add("notes", lambda _: take_notes(), show)
