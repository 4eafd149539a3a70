"""The drawings of the real networks that several sections share: a band over seeds by lag, and every two times."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import altair as alt
import numpy as np
import pyarrow as pa

from explainer import languages, words
from explainer.choices.controls import NETWORKS, names_of
from explainer.choices.settings import Settings
from explainer.figures import figure, hands, rows, style
from explainer.figures.by_lag import lag_mark
from explainer.figures.figure import decades, stack, steps, table
from explainer.languages import say
from explainer.maths import gradients, jacobians
from explainer.maths.cell_types import CELLS
from explainer.maths.jacobians import ByLag, Shares
from explainer.maths.network import Network
from explainer.serving.once import once

SEEDS = 5  # one lucky draw proves nothing
BPTT_PAIR = ("rnn", "lstm")  # whose weight gradient is opened up

NETWORK = tuple(name for name in names_of(NETWORKS) if name != "nets")
"""Names of the controls of one network, whatever its cell type."""

_GATED_DASHES = (
    *([1, 0], [7, 3], [3, 3], [9, 3, 2, 3], [1, 3], [12, 3], [5, 2, 1, 2]),
    *([9, 2, 2, 2, 2, 2], [14, 4, 4, 4], [2, 1], [6, 6]),
)
_VANILLA_DASHES = ([1, 0], [5, 3])

Tables = Callable[[Settings], dict[str, pa.Table]]


def network(cell: str, settings: Settings, **changes) -> Network:
    """The reader's network of one cell type; nothing of it depends on the scalar cells' settings."""
    chosen = {
        "hidden_size": settings.n,
        "length": settings.T,
        "gain": settings.gain,
        "forget_bias": settings.bf,
        "input_scale": settings.xs,
        "seed": settings.ns,
    }
    return Network(cell, **(chosen | changes))


def label(cell: str) -> str:
    """The name of a cell type in legends."""
    return CELLS[cell].label


def by_lag(cell: str, settings: Settings, **changes) -> ByLag:
    """The norms by lag of the reader's network of one cell type, for several seeds."""
    return jacobians.by_lag(network(cell, settings, **changes), SEEDS)


def shares(settings: Settings) -> dict[str, Shares]:
    """The share of each lag in the weight gradient, for several seeds, by cell type."""
    return {cell: jacobians.shares(network(cell, settings), SEEDS) for cell in BPTT_PAIR}


def lost_in_norms(cell: str, norms: ByLag) -> str:
    """A sentence for a caption where torch's own slopes have lost digits that show at the longest lag; else nothing."""
    whole, torchs_own = norms.spectral.whole[:, -1], norms.torchs_own[:, -1]
    with np.errstate(invalid="ignore"):
        off = np.where(whole == torchs_own, 0.0, np.abs(10 ** (torchs_own - whole) - 1))
    lost, worst = int((off > words.AGREE).sum()), int(off.argmax())
    if not lost:
        return ""
    said = say(
        "In {lost} of {draws} draws of the {cell} a function is saturated: torch forms its slope as 1 − y² and loses "
        "digits of it. Its own backward pass gives {size} in one, a relative {off} off; what is drawn keeps the "
        "digits.",
        lost=lost,
        draws=len(off),
        cell=say(label(cell)),
        size=words.magnitude(torchs_own[worst], 1, 2),
        off=words.number(off[worst], 2),
    )
    return f" {said}"


def lost_in_shares(shares: Shares) -> str:
    """A sentence for a receipt where ``backward()`` has lost digits that show; else nothing."""
    if shares.relative_difference[0] <= words.AGREE:
        return ""
    said = say(
        "Here tanh is saturated: backward() forms its slope as 1 − y² and loses digits of it. The sum takes the slope "
        "in a form that keeps them."
    )
    return f" {said}"


def with_lag_mark(build: Tables) -> Tables:
    """Tables by lag of real networks, and the mark at the reader's lag.

    They are built once, whatever becomes of the scalar cells; only the mark moves with k.
    """
    kept = once(64, also=languages.spoken)(lambda own, _: build(own))

    @functools.wraps(build)
    def tables(settings: Settings) -> dict[str, pa.Table]:
        return kept(settings.only(names_of(NETWORKS)), rows.are_bare()) | {
            "marks": lag_mark(settings.k, settings.T - 1)
        }

    return tables


def moves(cell: str) -> tuple[str, ...]:
    """Names of the controls that change the gradients of a network of this cell type."""
    kind = CELLS[cell]
    idle = {"bf": not kind.gated, "gain": not kind.reads_state, "xs": not kind.reads_input}
    return tuple(name for name in NETWORK if not idle.get(name))


def bias_words(bias: float | None) -> str:
    """The forget bias in words, to follow a "with"."""
    if bias is None:
        return say("the biases that torch draws")
    return say("a forget bias of {bias}", bias=languages.decimal(f"{bias:g}"))


def _dashes(gated: bool) -> dict[str, list[int]]:
    """The dashes of each cell type's line, by its name: no two of one colour are alike."""
    alike = [name for name, cell in CELLS.items() if cell.gated == gated]
    return dict(zip(alike, _GATED_DASHES if gated else _VANILLA_DASHES, strict=False))


def _palette(cells: Sequence[str]) -> tuple[list[str], list[str], list[list[int]]]:
    """(labels, colours, dashes) of the cell types: the kind of cell by colour, the type by dashes."""
    dashes = _dashes(True) | _dashes(False)
    return (
        [label(cell) for cell in cells],
        [style.BLUE if CELLS[cell].gated else style.VERMILION for cell in cells],
        [dashes[cell] for cell in cells],
    )


def _band_chart(cells: Sequence[str], y: alt.Y, low: str, middle: str, high: str, *below: alt.Chart) -> alt.LayerChart:
    """Lines of the column ``middle``, which y must name too, in bands from ``low`` to ``high``."""
    labels, colors, dashes = _palette(cells)
    legend = style.line_legend(columns=style.columns(1, 3, limit=420))
    legend.values = alt.ExprRef("pluck(data('drawn'), 'cell')")  # not the cells that the reader has left out
    color_scale = alt.Scale(domain=labels, range=colors)
    color = alt.Color("cell:N", scale=color_scale, legend=legend)
    dash = alt.StrokeDash("cell:N", scale=alt.Scale(domain=labels, range=dashes), legend=legend)
    x = style.lag_x()
    base = style.data("bands").encode(x=x)
    return hands.finish(
        alt.layer(
            style.invisible_frame(x, y),
            style.data("drawn").mark_point(opacity=0, tooltip=None, aria=False).encode(detail="cell:N"),
            *below,
            hands.lag_marker(),
            base.mark_area(opacity=0.16, aria=False).encode(y=alt.Y(f"{low}:Q"), y2=f"{high}:Q", color=color),
            base.mark_line(strokeWidth=2.5).encode(y=y, color=color, strokeDash=dash),
            base.mark_circle(size=120, opacity=0, aria=False).encode(
                y=y,
                tooltip=["cell:N", "lag:Q", *(alt.Tooltip(f"{name}:Q", format=".3~f") for name in (low, middle, high))],
            ),
        ),
        style.FULL_HEIGHT,
        x=style.FRAMED["x"],
    )


def drawn(cells: Sequence[str]) -> pa.Table:
    """Which cell types a figure shows: the entries of its legend."""
    return table(cell=[label(cell) for cell in cells])


def norms_drawing(cells: Sequence[str]) -> figure.Drawing:
    """Spectral norm against lag on a log axis, for these cell types: a band over the seeds, and its middle."""

    def build() -> alt.LayerChart:
        return _band_chart(
            cells,
            style.log10_y(f"{style.GRADIENT_TITLE} (spectral norm)"),
            "log10_lowest",
            "log10_magnitude",
            "log10_highest",
            style.line_of_one(),
        )

    return figure.drawing(build)


norms_by_lag = norms_drawing(tuple(CELLS))


def norms_of(cells: Sequence[str], settings: Settings) -> dict[str, pa.Table]:
    """Tables for :func:`norms_drawing`, without the mark of the lag."""
    rows, ends, lag = [], [], np.arange(settings.T)
    for cell in cells:
        band = jacobians.band(by_lag(cell, settings).spectral.whole)
        ends += [band.low, band.high]
        rows.append(
            table(
                lag=steps(lag),
                cell=[label(cell)] * len(lag),
                log10_magnitude=decades(band.middle),
                log10_lowest=decades(band.low),
                log10_highest=decades(band.high),
                status=gradients.status_of(band.middle, band.low, band.high),
            )
        )
    return {"bands": stack(*rows), "frame": figure.frame((0, settings.T - 1), ends), "drawn": drawn(cells)}


@with_lag_mark
def norms_tables(settings: Settings) -> dict[str, pa.Table]:
    """Tables for :func:`norms_by_lag`, of the cell types that the reader has chosen."""
    return norms_of(settings.nets, settings)


@figure.drawing
def shares_by_lag() -> alt.LayerChart:
    """Share of the weight gradient against lag: a band over the seeds, and its middle."""
    y = style.y("share", "share of ∂L(t)/∂W_hh", {"zero": True, "nice": False, "padding": 6}, format="%")
    return _band_chart(BPTT_PAIR, y, "lowest_share", "share", "highest_share")


@figure.drawing
def kept_by_lag() -> alt.LayerChart:
    """The part of the weight gradient that is kept if it is cut off behind a lag."""
    y = style.y("kept", "part of ∂L(t)/∂W_hh that is kept", {"zero": True, "nice": False, "padding": 6}, format="%")
    return _band_chart(BPTT_PAIR, y, "lowest_kept", "kept", "highest_kept")


def _share_tables(settings: Settings, name: str, values: Callable[[np.ndarray], np.ndarray]) -> dict[str, pa.Table]:
    """A band for each network, of what ``values`` makes of the shares (seeds, T)."""
    rows, lag = [], np.arange(settings.T)
    for cell, measured in shares(settings).items():
        band, names = jacobians.band(values(measured.fraction)), [label(cell)] * len(lag)
        columns = {name: band.middle, f"lowest_{name}": band.low, f"highest_{name}": band.high}
        status = gradients.status_of(band.middle, band.low, band.high, log10=False)
        rows.append(table(lag=steps(lag), cell=names, **columns, status=status))
    frame = table(lag=[0.0, settings.T - 1.0], **{name: [0.0, 0.1]})
    return {"bands": stack(*rows), "frame": frame, "drawn": drawn(BPTT_PAIR)}


@with_lag_mark
def shares_tables(settings: Settings) -> dict[str, pa.Table]:
    """Tables for :func:`shares_by_lag`."""
    return _share_tables(settings, "share", lambda fraction: fraction)


@with_lag_mark
def kept_tables(settings: Settings) -> dict[str, pa.Table]:
    """Tables for :func:`kept_by_lag`."""
    return _share_tables(settings, "kept", lambda fraction: np.cumsum(fraction, axis=1))


# --- every two times ----------------------------------------------------------------------------------------

MOST_TIMES = 40  # rows of the square picture; a longer sequence shows every so many-th time


@figure.drawing
def all_times() -> alt.LayerChart:
    """A square: row t, column u, and in it the norm of ∂s(t)/∂s(u); one colour scale for all networks."""
    x = style.x("from", "from time u", style.TIGHT, grid=False)
    y = style.y("to", "to time t", style.TIGHT | {"reverse": True}, grid=False)
    alive = "isValid(datum.log10_magnitude)"
    base = (
        style.data("times")
        .transform_calculate(reads=style.READS)
        .encode(
            x=x,
            x2="from_end:Q",
            y=y,
            y2="to_end:Q",
            tooltip=[
                alt.Tooltip("u:Q", title="from time u"),
                alt.Tooltip("t:Q", title="to time t"),
                alt.Tooltip("reads:N", title="norm"),
            ],
        )
    )
    return style.finish(
        alt.layer(
            base.transform_filter(alive).mark_rect().encode(color=style.regime_color()),
            base.transform_filter("!" + alive).mark_rect(color=style.EXACT_ZERO, aria=False),
        ),
        style.FULL_HEIGHT,
        x=(style.ends("times", "from")[0], style.ends("times", "from_end")[1]),
        y=(style.ends("times", "to")[0], style.ends("times", "to_end")[1]),
    )


def all_times_tables(pairs: jacobians.Pairs) -> dict[str, pa.Table]:
    """Tables for :func:`all_times`: one square for each pair of times, and of a long sequence every so many-th."""
    stride = -(-len(pairs.time) // MOST_TIMES)
    shown = np.arange(len(pairs.time) - 1, -1, -stride)[::-1]
    rows, columns = np.tril_indices(len(shown))
    t, u = pairs.time[shown[rows]], pairs.time[shown[columns]]
    half = stride / 2
    log10 = pairs.log10_norm[shown[rows], shown[columns]]
    times = {"t": t, "u": u, "to": t - half, "to_end": t + half, "from": u - half, "from_end": u + half}
    return {
        "times": table(
            **{name: steps(values) for name, values in times.items()},
            log10_magnitude=decades(log10),
            status=gradients.status_of(log10),
        )
    }
