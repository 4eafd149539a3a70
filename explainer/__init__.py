"""Why gates remember: the argument of the lab "Gated cell state", live.

The rooms, in the order in which a number travels::

    languages  every text in the reader's own language
    words      numbers as text: powers of ten, percentages, verdicts
    choices    what the reader can choose, and chose
    serving    many readers on one process
    maths      the cells, and every measured quantity of them, by autograd; torch lives here, and in programs and reach
    programs   the few lines of plain torch behind each figure, as a reader sees and runs them
    figures    drawings that stand still, and the tables whose numbers move
    reach      how far back the gradient of a reader's own network reaches; from Python, the shell and the page
    lesson     the parts that every section has, and one file a section
    take       what a reader takes along: links, notebook, handout, data
    course     what a teacher sets, what a student hands in, and what of it holds
    grade      the same for a folder of hand-ins, from the shell
    page       all of Streamlit's churn

A room imports only from the rooms above it. ``tests/test_imports.py`` keeps the rule.
"""
