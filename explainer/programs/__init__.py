"""The few lines of plain torch behind each figure, as a reader sees and runs them.

Each file holds the programs of one section; ``cells``, ``networks`` and ``training`` hold what several of them share. A
program is a function whose parameters are named as the controls. It returns the figure's numbers: by line, or by column
where the figure has no lines. Nothing here is shared with the engine, so the programs check it. All names are different
across the files: a notebook puts them side by side.
"""
