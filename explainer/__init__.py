"""Why gates remember: the argument of the lab "Gated cell state", live.

The map, in the order in which a number travels::

    controls, settings, presets    what the reader can choose, and chose (nothing else of the project)
    words                          numbers as text: powers of ten, percentages, verdicts
    cells, gradients               the scalar recurrences, and every measured quantity of them, by autograd
    number_formats                 the same gradients in four number formats
    networks, jacobians            torch's recurrent networks, and what is measured of them
    tasks, training, jobs          what networks learn, their training, and the queue for long work
    figures, style                 a figure = a drawing built once + tables of new numbers + words
    lesson                         the parts that every section has
    drawings, network_drawings     drawings that several sections share
    sections                       one file a section: its words, its tables, its drawings
    links, snippets, notebook, handout, downloads, citation    what a reader takes along
    page, page_work, page_take     all of Streamlit's churn: sidebar, prediction, figure, receipt, links

Imports go down this list only. ``torch`` stays in the maths, ``altair`` in figures, style and sections,
``streamlit`` in the page and the app; no tensor leaves the maths. ``tests/test_imports.py`` keeps the rule.
"""
