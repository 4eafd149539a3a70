"""The page from top to bottom."""

from explainer.page import app, own, section

view = app.begin()
app.above(view)
for number, one in enumerate(own.lesson(), 1):
    if view.shows(one.slug):
        section.draw(number, one)
app.below(view)
app.end()
