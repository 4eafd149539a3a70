"""Why gates remember: the argument of the lab "Gated cell state", live.

The map, in the order in which a number travels::

    controls, settings, presets    what the reader can choose, and chose (nothing else of the project)
    words               numbers as text: powers of ten, percentages, verdicts
    cells               the recurrences that are differentiated
    gradients           every measured quantity of the scalar cells, by autograd, beside its closed form
    figures, style      a figure = a drawing built once + tables of new numbers + words
    sections            one file a section: its words, its tables, its drawings
    page                all of Streamlit's churn: sidebar, prediction, figure, receipt

Imports go down this list only. ``torch`` stays in the maths, ``altair`` in figures, style and sections,
``streamlit`` in the page and the app; no tensor leaves the maths. ``tests/test_imports.py`` keeps the rule.
"""
