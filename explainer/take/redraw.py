"""What the notebook draws with: the page's own drawing over numbers that have just been computed.

The notebook holds the source of these functions as it stands here; they need altair and numpy alone.
"""

import json

import altair as alt
import numpy as np

# what the page says beside the numbers, and what is not worked out anew
BANDS = ("lowest", "highest", "log10_lowest", "log10_highest", "lowest_share", "highest_share")
BESIDE = ("state", "factor", "reads", *BANDS)


class Drawing(dict):
    """A Vega-Lite specification that a notebook shows by altair's renderer, unchecked: a check takes seconds."""

    def _repr_mimebundle_(self, include=None, exclude=None):
        return alt.renderers.get()(self)


def redraw(figure, line, column, drawing):
    """The page's drawing over the numbers of a figure.

    Where these are the page's numbers, all that the page says beside them stays. Where you have changed a setting, the
    lines follow; marks, references and axes still stand as on the page, and bands are left out.

    Args:
        figure: the numbers by line, or by column where the figure has no lines.
        line: the column that says which line a row belongs to; "" where there are no lines.
        column: the column that the numbers fill.
        drawing: the Vega-Lite specification in JSON, its tables by column.

    Returns:
        A :class:`Drawing`, which a notebook shows.

    Raises:
        ValueError: the drawing has no places for so many numbers.
    """
    drawing = json.loads(drawing)
    tables = {
        name: [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
        for name, table in drawing["datasets"].items()
    }
    first, *others = tables
    names = {name: list(table) for name, table in drawing["datasets"].items()}
    if column == "text":
        rows = [row | written(row["text"], figure) for row in tables[first]]
    else:
        rows = []
        for key, numbers in figure.items() if line else [("", figure)]:
            old = [row for row in tables[first] if not line or row[line] == key]
            numbers = numbers if isinstance(numbers, dict) else {column: numbers}
            rows += filled(old, {line: key} if line else {}, numbers, names[first])
    for other in others:  # a table that repeats the numbers at some of their places
        if line in names[other] and column in names[other]:
            repeated = {column, "log10_magnitude", "status", "reads"} & set(names[other])
            places = [key for key in names[other] if key not in repeated and all(key in row for row in rows)]
            found = {tuple(row[key] for key in places): row for row in rows}
            same = [found.get(tuple(row[key] for key in places)) for row in tables[other]]
            pairs = zip(tables[other], same, strict=True) if all(same) else ()  # at other places it has nothing to say
            tables[other] = [row | {key: one.get(key) for key in repeated} for row, one in pairs]
    return Drawing(drawing, datasets=tables | {first: rows})


def written(text, figure):
    """A text such as "c(t) = 0.5", with the figure's own number where it has one of this name."""
    name = text.partition(" = ")[0]
    return {"text": f"{name} = {figure[name]:.3g}".replace("-", "−")} if name in figure else {}


def filled(old, key, numbers, names):
    """The rows of one line, from those on the page, with numbers by column in their places."""
    numbers = {name: np.asarray(values, dtype=float) for name, values in numbers.items()}
    count = len(next(iter(numbers.values())))
    x = next((name for name in ("lag", "step", "order") if name in names), None)
    if count > len(old) and x is None:
        raise ValueError("These settings ask for other axes: take the notebook from the page at these settings.")
    rows = [dict(old[i]) if i < len(old) else key | {x: i + (x == "step")} for i in range(count)]
    unchanged = count == len(old)
    for name, values in numbers.items():
        finite = np.isfinite(values)
        before = np.array([row.get(name) for row in rows], dtype=float)[finite]
        smallest = 1e-6 if name.startswith("log10") else 1e-300
        unchanged = unchanged and np.allclose(values[finite], before, rtol=1e-6, atol=smallest)
    for i, row in enumerate(rows):
        own = {name: float(values[i]) for name, values in numbers.items()}
        known = {name: value for name, value in own.items() if np.isfinite(value)}
        size = abs(known.get("gradient", known.get("running_product", 0.0)))
        if size and "log10_magnitude" in names:
            known["log10_magnitude"] = float(np.log10(size))
        if not unchanged:  # what float64 cannot hold has no place; the page knows one from a sum of logarithms
            row.update(dict.fromkeys([*own, "log10_magnitude"]), status="value" if "log10_magnitude" in known else "")
            for name in BESIDE:
                row.pop(name, None)
        row.update(known)
    return rows
