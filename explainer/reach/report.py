"""What was measured, as a value: by layer, all layers together, as text, in a notebook and as a chart."""

from __future__ import annotations

import functools
import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import altair as alt
import numpy as np

from explainer import words
from explainer.figures import by_lag, style
from explainer.figures.figure import Drawing
from explainer.maths.gradients import HORIZON
from explainer.maths.logscale import first_below, log10
from explainer.reach.advice import Advice
from explainer.reach.norms import PROBED, PROBES, Norms

_DASHES = ((1, 0), (7, 3), (3, 3), (9, 3, 2, 3), (1, 3), (12, 4))
_WIDTH = 620  # pixels of a chart outside the page


@dataclass(frozen=True, eq=False)
class Measured:
    """∂s(T)/∂s(T−lag) of one layer and direction, or of all layers together; over several sequences, the middle.

    Attributes:
        name: ``layer 0``, ``layer 1 reverse``, ``all layers``.
        cell: what the layer is.
        lag: 0…T−1, shape (T,), and so are all arrays but the gates.
        log10_spectral, log10_frobenius: log10 of the largest singular value and of the Frobenius norm.
        log10_direct: log10 of the spectral norm along the direct path, the product of the gates; None without one.
        lowest, highest: of log10_spectral, over the sequences.
        spectral_error, frobenius_error: decades by which the norms may be off, either way; 0 where they are exact.
        gates: the gate that multiplies the memory, (sequences, T, n), at steps 1…T; None without one.
        method: ``exact`` or ``probed``.
    """

    name: str
    cell: str
    lag: np.ndarray
    log10_spectral: np.ndarray
    log10_frobenius: np.ndarray
    log10_direct: np.ndarray | None
    lowest: np.ndarray
    highest: np.ndarray
    spectral_error: np.ndarray
    frobenius_error: np.ndarray
    gates: np.ndarray | None
    method: str

    @property
    def horizon(self) -> int | None:
        """The first lag at which less than 1 % is left of the spectral norm; None: at none of these."""
        return first_below(self.log10_spectral, HORIZON)

    @property
    def growth_rate(self) -> float:
        """Decades a step: log10 of the spectral norm at the longest lag, over that lag; NaN where T = 1."""
        return float(self.log10_spectral[-1]) / int(self.lag[-1]) if len(self.lag) > 1 else float("nan")


def measured(name: str, cell: str, norms: Sequence[Norms], gates: np.ndarray | None) -> Measured:
    """The middle and the range of the norms of several sequences."""
    spectral, frobenius = np.stack([one.spectral for one in norms]), np.stack([one.frobenius for one in norms])
    direct = None if gates is None else np.median(np.stack([log10_direct(one) for one in gates]), axis=0)
    return Measured(
        name=name,
        cell=cell,
        lag=np.arange(spectral.shape[1]),
        log10_spectral=np.median(spectral, axis=0),
        log10_frobenius=np.median(frobenius, axis=0),
        log10_direct=direct,
        lowest=spectral.min(0),
        highest=spectral.max(0),
        spectral_error=np.max([one.spectral_error for one in norms], axis=0),
        frobenius_error=np.max([one.frobenius_error for one in norms], axis=0),
        gates=gates,
        method=norms[0].method,
    )


def log10_direct(gates: np.ndarray) -> np.ndarray:
    """log10 of the norm of the product of the last `lag` gates, (T,), from gates (T, n): its largest entry."""
    backwards = log10(np.abs(gates[:0:-1])).cumsum(0)
    return np.concatenate([np.zeros(1), backwards.max(1)])


@dataclass(frozen=True, eq=False)
class Report:
    """How far back a network's gradient reaches.

    Attributes:
        layers: one for each layer and direction.
        lag: the lag that was asked for.
        sequences: how many sequences the middle is taken over.
        notes: what a reader should know of how it was measured.
        advise: gives the advice; asked once, when it is wanted.
        measure_stack: gives :attr:`stack`; asked once, when it is wanted.
    """

    layers: tuple[Measured, ...]
    lag: int
    sequences: int
    notes: tuple[str, ...] = ()
    advise: Callable[[], tuple[Advice, ...]] = field(default=tuple, repr=False)
    measure_stack: Callable[[], Measured | None] = field(default=lambda: None, repr=False)

    @functools.cached_property
    def advice(self) -> tuple[Advice, ...]:
        """What follows, one computed sentence each."""
        return self.advise()

    @functools.cached_property
    def stack(self) -> Measured | None:
        """The states of all layers taken together, (h, c) of an LSTM packed.

        None for several layers with two directions: there every state depends on every input, and no lag holds for all.
        """
        return self.measure_stack()

    @property
    def reaches(self) -> bool:
        """Whether in some layer at least 1 % of the gradient is left at every lag up to the one asked for."""
        return any(one.horizon is None or one.horizon > self.lag for one in self.layers)

    @property
    def verdict(self) -> str:
        """One sentence."""
        furthest = [one.horizon for one in self.layers]
        if self.reaches:
            return f"The gradient reaches lag {self.lag}: at least {words.percent(HORIZON)} of it is left there."
        return (
            f"The gradient does not reach lag {self.lag}: less than {words.percent(HORIZON)} of it is left "
            f"from lag {max(furthest)} on."
        )

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The table: a head, and a row for each layer."""
        head = ("layer", "cell", "measured", "horizon", "decades a step", f"at lag {self.lag}")
        return [head, *(self._row(one) for one in self.layers)]

    def _row(self, one: Measured) -> tuple[str, ...]:
        horizon = f"lag {one.horizon}" if one.horizon is not None else f"beyond {int(one.lag[-1])}"
        size = words.magnitude(float(one.log10_spectral[self.lag]), 1, 2)
        if one.method == PROBED:
            size += f" (± {words.number(float(one.spectral_error[self.lag]), 2)} decades)"
        return one.name, one.cell, one.method, horizon, words.number(one.growth_rate, 2), size

    def __str__(self) -> str:
        rows = self.rows
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([self.verdict, "", *table, *(["", *self.notes] if self.notes else [])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *rows = self.rows
        lines = [f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows]
        said = "".join(f"<li>{html.escape(str(one))}</li>" for one in self.advice)
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        names = "".join(f"<th>{html.escape(name)}</th>" for name in head)
        return (
            f"<p><strong>{html.escape(self.verdict)}</strong></p>"
            f"<table><thead><tr>{names}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
            f"{notes}{self.svg()}<ul>{said}</ul>"
        )

    def chart(self) -> alt.LayerChart:
        """The gradient by lag, every layer and its direct path, as the page draws it."""
        specification, tables = self._drawn()
        data = {name: table.to_pylist() for name, table in tables.items()}
        return alt.LayerChart.from_dict({**specification, "width": _WIDTH, "datasets": data}, validate=False)

    def svg(self) -> str:
        """The chart as an image that needs no script and no network."""
        import vl_convert  # heavy, and nothing else here needs it

        return vl_convert.vegalite_to_svg(self.chart().to_dict(validate=False))

    def _drawn(self) -> tuple[dict, dict]:
        lines, series = [], []
        for i, one in enumerate(self.layers):
            color = style.VERMILION if one.log10_direct is None else style.BLUE
            for what, log10_norm, shade in (
                ("", one.log10_spectral, color),
                (", direct", one.log10_direct, style.REFERENCE),
            ):
                if log10_norm is not None:
                    series.append(by_lag.Series(f"{one.name}{what}", shade, _DASHES[i % len(_DASHES)]))
                    lines.append(by_lag.line_of_norms(series[-1].name, log10_norm))
        drawing: Drawing = by_lag.drawing(*series)
        return dict(drawing()), by_lag.tables_of(lines, self.lag, int(self.layers[0].lag[-1]))

    def as_dict(self) -> dict:
        """All of it as plain values, for JSON; what is not finite is None."""
        return {
            "verdict": self.verdict,
            "reaches": self.reaches,
            "lag": self.lag,
            "sequences": self.sequences,
            "notes": list(self.notes),
            "advice": [
                {"about": one.about, "layer": one.layer, "says": one.says, "value": one.value} for one in self.advice
            ],
            "layers": [_plain(one) for one in self.layers],
        }


def probed_note() -> str:
    """How probed norms are to be read."""
    return (
        f"Probed: power iteration and {PROBES} random probes in place of whole Jacobians. Each norm stands between two "
        "bounds; the error is half of what lies between."
    )


def _plain(one: Measured) -> dict:
    arrays = ("log10_spectral", "log10_frobenius", "log10_direct", "lowest", "highest", "spectral_error")
    plain = {
        name: None
        if (values := getattr(one, name)) is None
        else [v if np.isfinite(v) else None for v in values.tolist()]
        for name in arrays
    }
    return {"name": one.name, "cell": one.cell, "method": one.method, "horizon": one.horizon} | {
        "growth_rate": one.growth_rate if np.isfinite(one.growth_rate) else None,
        "lag": one.lag.tolist(),
        "mean_gate": None if one.gates is None else float(one.gates.mean()),
        **plain,
    }
