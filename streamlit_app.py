"""The page: set-up, sidebar, and the sections in order."""

import streamlit as st

from explainer.lesson import SECTIONS, prose
from explainer.page import layout as page
from explainer.page import live as page_live
from explainer.page import parts as page_parts
from explainer.page import state as page_state
from explainer.page import take as page_take

st.set_page_config(
    page_title="Why gates remember",
    page_icon=page.ICON,
    layout="wide",
    initial_sidebar_state="collapsed" if st.context.is_embedded else "auto",
)
page.settle_memory()
page_state.read_link()
st.html(page.STYLESHEET)
st.html(page.SCRIPT, unsafe_allow_javascript=True)
view = page_take.view()
page_parts.begin(page_take.sections(view))

if view.sections is None:
    st.title("Why gates remember", anchor=False)  # before the controls: something to read at once
    st.markdown(prose.PROMISE)
page_take.controls(view)
if view.sections is None:
    page_take.copy_link()
    page_take.note_on_controls(view)
    page.notes_on_the_link()
    page.status_bar()
    page.prose("Notation", "notation", prose.NOTATION)
else:
    page_take.above_a_part(view)
    page.notes_on_the_link()

for number, section in enumerate(SECTIONS, 1):
    if page_take.shows(view, section):
        page.section(number, section, page_take.beside)

if view.sections is None:
    page_take.panel()
    page.prose("References", "references", prose.REFERENCES)
else:
    page_take.below_a_part(view)
page_live.listen()
page_parts.end()
