"""The page: set-up, sidebar, and the sections in order."""

import streamlit as st

from explainer import page, prose
from explainer.sections import SECTIONS

st.set_page_config(
    page_title="Why gates remember",
    page_icon=page.ICON,
    layout="wide",
    initial_sidebar_state="collapsed" if st.context.is_embedded else "auto",
)
page.settle_memory()
page.read_link()
st.html(page.STYLESHEET)
settings = page.sidebar()

st.title("Why gates remember", anchor=False)
st.markdown(prose.PROMISE)
page.show_notes()
page.status_bar(settings)
st.header("Notation", anchor="notation")
st.markdown(prose.NOTATION)

for number, section in enumerate(SECTIONS, 1):
    page.section(number, section, settings)

st.header("References", anchor="references")
st.markdown(prose.REFERENCES)
