"""The page from top to bottom; and for the server, which imports this file, the application that serves it."""

import streamlit as st

from explainer.page import files, messages
from explainer.page.server import MIDDLEWARE

if __name__ != "__main__":
    messages.send_all()
    files.keep()
    application = st.App(__file__, middleware=MIDDLEWARE)
else:  # Streamlit runs the file for a reader
    from explainer.page import app, own, section

    view = app.begin()
    app.above(view)
    for number, one in enumerate(own.lesson(), 1):
        if view.shows(one.slug):
            section.draw(number, one)
    app.below(view)
    app.end()
