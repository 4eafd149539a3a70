"""The page from top to bottom."""

from explainer.lesson import SECTIONS
from explainer.page import app, section

view = app.begin()
app.above(view)
for number, one in enumerate(SECTIONS, 1):
    if view.shows(one.slug):
        section.draw(number, one)
app.below(view)
app.end()
