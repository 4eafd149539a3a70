"""A sentence below the curves of what reaches its letters, and how sure of its verb a network is at each distance.

Time runs to the right below the first, and each letter stands at its own. Where there is room, every letter stands by
itself; on a narrow plot whole words do, in two rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np
import pyarrow as pa

from explainer.figures import figure, hands, style
from explainer.figures.by_lag import Series
from explainer.figures.figure import Drawing, steps, table, text
from explainer.maths.sentences import Sentence

_NARROW = 520  # pixels of a plot below which letters would be too small to read
_AXIS = 56  # pixels from the plot down to the axis: room for two rows of words
HEIGHT = style.FULL_HEIGHT + _AXIS  # the sentence takes nothing from the curves
_SPACE = "␣"  # shown for the space between two words when it is the letter pressed


def shown(letter: str) -> str:
    """A letter as a label shows it: a space has a sign of its own."""
    return _SPACE if letter == " " else letter


def lines(*names: str) -> tuple[Series, ...]:
    """Two lines of the vanilla network, then two of the gated one; the first of each is the one with more gaps."""
    colors = style.VERMILION, style.VERMILION, style.BLUE, style.BLUE
    dashes = (2, 3), (1, 0), (9, 3, 2, 3), (7, 3)
    return tuple(Series(*one) for one in zip(names, colors, dashes, strict=True))


def spelled(sentence: Sentence) -> dict[str, pa.Table]:
    """The tables of a sentence up to its verb, by letter and by word; the verb's lags are below 0."""
    written, last = sentence.begin + sentence.verb, len(sentence.begin) - 1
    lag = last - np.arange(len(written))
    found, place = [], 0
    for count, word in enumerate(written.split(" ")):
        found.append((last - place - (len(word) - 1) / 2, word, count % 2))
        place += len(word) + 1
    middle, each, row = zip(*found, strict=True)
    return {
        "spelled": table(lag=steps(lag), letter=text([*written]), is_read=lag >= 0),
        "words": table(lag=steps(middle), word=text(each), row=np.array(row), is_read=np.array(middle) >= 0),
    }


def _x() -> alt.X:
    label = "datum.value < 0 ? '' : datum.value == 0 ? 't' : 't−' + format(datum.value, 'd')"
    scale = style.TIGHT | {"reverse": True, "padding": 14}
    options = {"labelExpr": label, "tickMinStep": 1, "offset": _AXIS, "grid": False}
    return style.x("lag", "time: t reads the last letter before the verb", scale, 8, **options)


def _encoded(series: Sequence[Series]) -> tuple[alt.Color, alt.StrokeDash, dict]:
    """Colour, dashes and shape of these lines: circles for the vanilla network, squares for the gated one."""
    domain, legend = [one.name for one in series], style.line_legend(columns=style.columns(1, 2))
    color = alt.Color("series:N", legend=legend, scale=alt.Scale(domain=domain, range=[one.color for one in series]))
    dashes = alt.Scale(domain=domain, range=[list(one.dash) for one in series])
    dash = alt.StrokeDash("series:N", legend=legend, scale=dashes)
    is_vanilla = f"indexof(datum.series, '{style.VANILLA}') == 0"
    return color, dash, alt.condition(is_vanilla, alt.value("circle"), alt.value("square"))


def drawing(series: Sequence[Series], title: str) -> Drawing:
    """The chart of these lines over a sentence.

    Its tables: ``gradients`` has the lines, ``letters`` a row for each letter that has been read, ``words`` the words
    and ``spelled`` their letters, the verb's among them; ``here`` the letter that the reader has chosen, if there is
    one; ``crossings`` where the lines cross it; ``frame`` holds the axes.
    """

    def build() -> alt.LayerChart:
        color, dash, shape = _encoded(series)
        x, y = _x(), style.log10_y(title)
        below = {"baseline": "middle", "font": "monospace", "aria": False, "tooltip": None, "clip": False}
        narrow, wide = f"width < {_NARROW}", f"width >= {_NARROW}"
        # what has been read in the page's colour of text, what is to come in grey
        faint = alt.condition("datum.is_read", alt.value(1.0), alt.value(0.55))
        here = style.data("here").encode(x=x)
        label = {"baseline": "bottom", **style.LABEL}
        tooltip = ["letter:N", "word:N", alt.Tooltip("lag:Q", title="steps back")]
        tooltip += [alt.Tooltip(f"line_{i}:N", title=one.name) for i, one in enumerate(series)]
        return style.finish(
            alt.layer(
                style.invisible_frame(x, y),
                style.line_of_one(),
                here.mark_rule(color=style.REFERENCE, strokeWidth=1.5, strokeDash=[2, 3], aria=False),
                *(
                    here.transform_filter(f"datum.is_left == {is_left}")
                    .mark_text(align=align, dx=dx, **label)
                    .encode(text="label:N", y=alt.value(-4))
                    for is_left, align, dx in (("true", "left", -4), ("false", "right", 4))
                ),
                here.mark_text(text="▲", fontSize=11, dy=alt.ExprRef(f"{wide} ? 33 : 46"), **below).encode(
                    y=alt.value(alt.ExprRef("height"))
                ),
                style.data("spelled")
                .mark_text(dy=15, fontSize=alt.ExprRef(f"{wide} ? min(16, width / 44) : 0"), **below)
                .encode(x=x, y=alt.value(alt.ExprRef("height")), text="letter:N", opacity=faint),
                style.data("words")
                .mark_text(fontSize=alt.ExprRef(f"{narrow} ? 12 : 0"), dy=alt.ExprRef("datum.row * 18 + 12"), **below)
                .encode(x=x, y=alt.value(alt.ExprRef("height")), text="word:N", opacity=faint),
                style.data("gradients")
                .mark_line(strokeWidth=2.5)
                .encode(x=x, y=y, color=color, strokeDash=dash, detail="series:N"),
                style.data("crossings")
                .mark_point(filled=True, size=70, opacity=1, aria=False)
                .encode(x=x, y=y, color=color, shape=shape),
                # unseen and as tall as the plot: something to press at every letter
                style.data("letters")
                .mark_rule(opacity=0, strokeWidth=alt.ExprRef("width / 55"), aria=False)
                .encode(x=x, y=alt.value(0), y2=alt.value(alt.ExprRef(f"height + {_AXIS - 4}")), tooltip=tooltip),
            ),
            HEIGHT,
            **style.FRAMED,
        )

    return figure.drawing(build)


def by_distance(series: Sequence[Series]) -> Drawing:
    """The chart of the probability of the right verb against the distance of the letter that decides.

    Its tables: ``verbs`` has the lines, ``frame`` the ends of the x axis, ``guess`` where a guess would be; ``marks``
    the reader's lag.
    """

    def build() -> alt.LayerChart:
        x = style.lag_x("steps from the letter that decides to the verb")
        ticks = {"values": [0, 0.25, 0.5, 0.75, 1], "format": ".0%"}
        y = style.y("probability", "probability of the right verb", {"domain": [0, 1.04], "nice": False}, **ticks)
        color, dash, shape = _encoded(series)
        base, guess = style.data("verbs").encode(x=x, y=y, color=color), style.data("guess")
        tooltip = ["series:N", "begin:N", "lag:Q", alt.Tooltip("probability:Q", format=".3~f"), "status:N"]
        return hands.finish(
            alt.layer(
                style.data("frame").mark_point(opacity=0, tooltip=None, aria=False).encode(x=x),
                guess.mark_rule(color=style.REFERENCE, strokeDash=[2, 3], aria=False).encode(y="probability:Q"),
                guess.mark_text(align="right", dx=-2, dy=-9, **style.LABEL).encode(
                    x=alt.value(alt.ExprRef("width")), y="probability:Q", text="label:N"
                ),
                hands.lag_marker(),
                base.mark_line(strokeWidth=2.5).encode(strokeDash=dash, detail="series:N"),
                base.mark_point(filled=True, size=80, opacity=1).encode(shape=shape, tooltip=tooltip),
            ),
            style.HALF_HEIGHT,
            x=style.ends("frame", "lag"),
        )

    return figure.drawing(build)
