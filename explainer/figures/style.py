"""What all drawings share: the cells' colours and dashes, the log axis, and the marks for what has no place on it."""

from __future__ import annotations

import altair as alt

from explainer.languages import word
from explainer.maths import gradients

VANILLA, GATED = word("vanilla"), word("gated")
CELLS = (VANILLA, GATED)

VERMILION, BLUE = "#D55E00", "#0072B2"  # Okabe and Ito; as marks both hold 3:1 on the light and the dark page
REFERENCE = "#808080"

GRADIENT_TITLE = "magnitude of the gradient"

FULL_HEIGHT, HALF_HEIGHT, FIRST_HEIGHT = 340, 280, 220  # pixels of a chart
FONT_SIZE = 13

COLOR = alt.Scale(domain=list(CELLS), range=[VERMILION, BLUE])
DASH = alt.Scale(domain=list(CELLS), range=[[1, 0], [7, 3]])
STATUS_SHAPE = alt.Scale(
    domain=[gradients.ROUNDED_TO_ZERO, gradients.OVERFLOW, gradients.EXACTLY_ZERO, gradients.UNDEFINED],
    range=["triangle-down", "triangle-up", "cross", "diamond"],
)
# purple falls, green rises: away from the cells' own colours, and apart for the colour-blind
REGIME = alt.Scale(
    domain=[-12, -6, 0, 6, 12], range=["#40004b", "#9970ab", "#f0f0f0", "#5aae61", "#00441b"], clamp=True
)

EXACT_ZERO = "#8c8c8c"


TIGHT = {"nice": False, "zero": False}  # a scale that ends where the numbers end
PADDED = TIGHT | {"padding": 6}
LABEL = {"fontSize": FONT_SIZE, "aria": False}  # of words within a plot: the caption says the same to all


def data(name: str) -> alt.Chart:
    """A chart of one of the figure's tables."""
    return alt.Chart(alt.NamedData(name))


def x(field: str, title: str | None, scale: dict, ticks: int = 5, **options) -> alt.X:
    """An x axis of numbers: a column, its title, its scale, about how many ticks, and options of the axis."""
    return alt.X(f"{field}:Q", scale=alt.Scale(**scale), axis=axis(title, tickCount=ticks, **options))


def y(field: str, title: str | None, scale: dict, ticks: int = 5, **options) -> alt.Y:
    """A y axis of numbers, as :func:`x`."""
    return alt.Y(f"{field}:Q", scale=alt.Scale(**scale), axis=axis(title, tickCount=ticks, **options))


def _superscript_expression(value: str, number_format: str = "d") -> str:
    expression = f"format({value}, '{number_format}')"
    for plain, raised in zip("−-0123456789", "⁻⁻⁰¹²³⁴⁵⁶⁷⁸⁹", strict=True):
        expression = f"replace({expression}, regexp('{plain}', 'g'), '{raised}')"
    return f"'10' + replace({expression}, '.', '·')"


# what a tooltip says of a column of log10 values, worked out in the browser: a map has thousands of them
READS = (
    "isValid(datum.log10_magnitude) ? " + _superscript_expression("datum.log10_magnitude", ".1~f") + " : datum.status"
)


POWER_OF_TEN_LABEL = _superscript_expression("datum.value")
_MANTISSA_AND_EXPONENT = "split(format(datum.value, '.2~e'), 'e')"
# 0.25 and 1200 as they are; 3·10¹⁷⁹ in place of 3e+179
PLAIN_LABEL = (
    "datum.value != 0 && (abs(datum.value) >= 1e5 || abs(datum.value) < 1e-3)"
    f" ? {_MANTISSA_AND_EXPONENT}[0] + '·' + {_superscript_expression(f'toNumber({_MANTISSA_AND_EXPONENT}[1])')}"
    " : format(datum.value, '~g')"
)


def cell_color(legend: bool = True) -> alt.Color:
    """The cell's colour; either all layers of a chart have its legend, or none."""
    return alt.Color("cell:N", scale=COLOR, legend=line_legend() if legend else None)


def cell_dash() -> alt.StrokeDash:
    return alt.StrokeDash("cell:N", scale=DASH, legend=line_legend())


def cell_shape():
    """Circles for the vanilla cell, squares for the gated one; a condition, so that legends keep their lines."""
    return alt.condition(f"datum.cell == '{VANILLA}'", alt.value("circle"), alt.value("square"))


def regime_color() -> alt.Color:
    """Purple falls, green rises, pale is 1; the same scale for every cell."""
    return alt.Color(
        "log10_magnitude:Q",
        scale=REGIME,
        legend=alt.Legend(
            type="gradient",
            title=None,
            orient="top",
            direction="horizontal",
            gradientLength=alt.ExprRef("min(220, width - 20)"),
            gradientThickness=12,
            values=[-12, -6, 0, 6, 12],
            labelExpr=POWER_OF_TEN_LABEL,
            labelFontSize=FONT_SIZE,
        ),
    )


def columns(narrow: int, wide: int, limit: int = 480) -> alt.ExprRef:
    """So many entries of a legend a row on a narrow plot, so many on a wide one; the chart itself decides."""
    return alt.ExprRef(f"width < {limit} ? {narrow} : {wide}")


def line_legend(columns: int | alt.ExprRef = 0) -> alt.Legend:
    """A legend on top whose keys are short pieces of the lines themselves."""
    return alt.Legend(
        title=None,
        orient="top",
        symbolType="stroke",
        symbolOpacity=1,
        symbolStrokeWidth=2.5,
        symbolSize=500,
        labelFontSize=FONT_SIZE,
        labelLimit=400,
        columns=columns,
    )


def axis(title: str | None, **options) -> alt.Axis:
    return alt.Axis(
        title=title,
        labelFontSize=FONT_SIZE,
        titleFontSize=FONT_SIZE,
        titlePadding=8,
        labelPadding=6,
        gridOpacity=0.5,
        **options,
    )


def log10_y(title: str, field: str = "log10_magnitude", padding: int = 6, ticks: int = 6, **options) -> alt.Y:
    """A log axis over a column of log10 values: whole powers of ten only, as wide as the data."""
    scale = TIGHT | {"padding": padding}
    return y(field, title, scale, ticks, tickMinStep=1, labelExpr=POWER_OF_TEN_LABEL, **options)


def lag_x(title: str = "lag: steps back from t (past →)", field: str = "lag") -> alt.X:
    return x(field, title, PADDED, ticks=8, tickMinStep=1, format="d")


def time_x(padding: int, **options) -> alt.X:
    """Lags from the past to now: t−20, …, t−1, t."""
    label = "datum.value == 0 ? 't' : 't−' + format(datum.value, 'd')"
    scale = TIGHT | {"reverse": True, "padding": padding}
    return x("lag", "time, now to the right", scale, ticks=8, labelExpr=label, tickMinStep=1, **options)


def line_of_one(dataset: str = "frame") -> alt.Chart:
    """The line where the gradient is 1: neither growing nor shrinking."""
    return data(dataset).mark_rule(color=REFERENCE, strokeWidth=1, opacity=0.9, aria=False).encode(y=alt.Y("one:Q"))


def invisible_frame(x: alt.X, y: alt.Y, dataset: str = "frame") -> alt.Chart:
    """Rows that are not seen but stretch the axes: limits move with the numbers, the drawing stays."""
    return data(dataset).mark_point(opacity=0, tooltip=None, aria=False).encode(x=x, y=y)


def lag_marker(dataset: str = "marks") -> alt.LayerChart:
    """A thin line at the reader's lag k, labelled above the plot."""
    base = data(dataset).encode(x=alt.X("lag:Q"))
    rule = base.mark_rule(color=REFERENCE, strokeDash=[2, 3], strokeWidth=1.5, aria=False)
    label = base.mark_text(align="right", baseline="bottom", **LABEL).encode(text="label:N", y=alt.value(-4))
    return rule + label


def off_scale_marks(x: alt.X, y: alt.Y, color: alt.Color, points: str, notes: str) -> alt.LayerChart:
    """What is no plain number gets a mark of its own: beyond float64 at its true place, exact 0 on the bottom rail.

    ``notes`` holds one row for the first point of each kind, with its ``label``.
    """
    shape = alt.Shape("status:N", scale=STATUS_SHAPE, legend=None)
    rail = alt.value(alt.ExprRef("height"))
    is_placed = f"datum.status == '{gradients.ROUNDED_TO_ZERO}' || datum.status == '{gradients.OVERFLOW}'"
    on_rail = f"datum.status == '{gradients.EXACTLY_ZERO}' || datum.status == '{gradients.UNDEFINED}'"
    marks = data(points).encode(x=x, color=color, shape=shape)
    words = data(notes).encode(x=x, text="label:N")
    text = {"align": "left", "dx": 7, "fontSize": FONT_SIZE, "aria": False}
    return alt.layer(
        marks.transform_filter(is_placed).mark_point(size=34, strokeWidth=1.2, fill=None, aria=False).encode(y=y),
        marks.transform_filter(on_rail).mark_point(size=60, filled=True, clip=False, aria=False).encode(y=rail),
        words.transform_filter(is_placed).mark_text(dy=-8, **text).encode(y=y),
        words.transform_filter(on_rail).mark_text(dy=-10, **text).encode(y=rail),
    )


def walk_marks(x: alt.X, y: alt.Y, color: alt.Color) -> alt.LayerChart:
    """Rings around the place where a reader's walk along the product stands."""
    ring = data("walk").encode(x=x, color=color)
    options = {"size": 330, "filled": False, "strokeWidth": 3, "opacity": 1, "aria": False}
    placed = ring.transform_filter("isValid(datum.log10_magnitude)").mark_point(**options).encode(y=y)
    on_rail = ring.transform_filter("!isValid(datum.log10_magnitude)").mark_point(clip=False, **options)
    return placed + on_rail.encode(y=alt.value(alt.ExprRef("height")))


def ends(dataset: str, field: str) -> tuple[str, str]:
    """Expressions for the smallest and the largest number in a column of one table."""
    extent = f"extent(pluck(data('{dataset}'), '{field}'))"
    return f"{extent}[0]", f"{extent}[1]"


FRAMED = {channel: ends("frame", field) for channel, field in (("x", "lag"), ("y", "log10_magnitude"))}


def hold(chart: alt.LayerChart, **limits: tuple[str, str]) -> alt.LayerChart:
    """The same chart, in which expressions alone say where an axis ends: ``x=("0", "k")``.

    Without them Vega takes the limits of every table of the view, and complains of each that is empty.
    """
    for layer in chart.layer:
        if isinstance(layer, alt.LayerChart):
            hold(layer, **limits)
            continue
        for channel, expressions in limits.items():
            axis = layer.encoding[channel]
            if isinstance(axis, alt.X | alt.Y):
                scale = alt.Scale() if axis["scale"] is alt.Undefined else axis["scale"].copy(deep=False)
                scale["domain"] = [alt.ExprRef(one) for one in expressions]
                held = axis.copy(deep=False)
                held["scale"] = scale
                layer.encoding[channel] = held
    return chart


def finish(chart: alt.LayerChart | alt.Chart, height: int, **limits: tuple[str, str]) -> alt.LayerChart | alt.Chart:
    """The same chart, in its place, with its limits as in :func:`hold`.

    Altair's own methods would copy it anew for each of these.
    """
    if limits:
        hold(chart, **limits)
    chart.width, chart.height = "container", height
    chart.config = alt.Config(
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(domain=False, ticks=False),
        legend=alt.LegendConfig(padding=0, offset=20),  # room for the mark of the lag above the plot
    )
    return chart
