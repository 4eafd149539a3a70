"""``python -m explainer.reach weights.safetensors``: the report in the terminal, and a verdict as the exit code.

Exit codes: 0 where the gradient reaches the lag that is asked for, 1 where it does not, 2 for unusable input.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from explainer.reach import files, weights
from explainer.reach.cells import MODULES
from explainer.reach.files import MOST_BYTES, MOST_STEPS, Unusable
from explainer.reach.measure import of
from explainer.reach.noise import noise
from explainer.reach.report import Report

REACHES, DOES_NOT_REACH, UNUSABLE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        report = _report(asked)
        if asked.html:
            Path(asked.html).write_text(_page(report), encoding="utf-8")
    except (Unusable, OSError) as error:
        said = error.strerror or error if isinstance(error, OSError) else error
        print(f"{asked.file if isinstance(error, OSError) else 'unusable'}: {said}", file=sys.stderr)  # noqa: T201
        return UNUSABLE
    if asked.json:
        print(json.dumps(report.as_dict(), ensure_ascii=False, indent=1))  # noqa: T201
    else:
        print(report, *(f"- {one}" for one in report.advice), sep="\n")  # noqa: T201
    return REACHES if report.reaches else DOES_NOT_REACH


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m explainer.reach",
        description="How far back does this network's gradient reach?",
        epilog="Exit code: 0 where the gradient reaches the lag, 1 where it does not, 2 for unusable input.",
    )
    parser.add_argument("file", help="weights: .safetensors, or a state_dict of torch.save")
    parser.add_argument("--cell", choices=tuple(MODULES), help="what the network is, where its shapes do not tell")
    parser.add_argument("--network", help="which one, by its prefix, where the file holds several")
    parser.add_argument("--inputs", help="inputs: .npy or .csv, one row a step; noise unless given")
    parser.add_argument("--scale", type=float, default=1.0, help="standard deviation of the noise (1)")
    parser.add_argument("--seed", type=int, default=0, help="of the noise and of the probes (0)")
    parser.add_argument("--lag", type=int, help="the lag that must be reached (100, or as far as the inputs go)")
    parser.add_argument("--html", help="write the report with its chart to this file")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    return parser


def _report(asked: argparse.Namespace) -> Report:
    found = weights.find(files.weights(_read(asked.file)), asked.cell)
    if asked.network is not None:
        found = [one for one in found if one.prefix == asked.network] or found
    if len(found) > 1:
        raise Unusable(
            f"the file holds several networks: say --network and one of {', '.join(o.prefix for o in found)}"
        )
    module = found[0].module
    if asked.inputs:
        inputs = files.inputs(_read(asked.inputs), module.input_size)
        lag = len(inputs) - 1 if asked.lag is None else asked.lag
    else:
        lag = 100 if asked.lag is None else asked.lag
        if not 0 <= lag < MOST_STEPS:
            raise Unusable(f"--lag must be between 0 and {MOST_STEPS - 1}")
        inputs = noise(lag + 1, module.input_size, asked.scale, asked.seed)
    try:
        report = of(module, inputs, lag=lag, seed=asked.seed)
    except ValueError as error:
        raise Unusable(str(error)) from error
    said = "Inputs from a file." if asked.inputs else f"Inputs: noise of standard deviation {asked.scale:g}."
    kind = (
        " The file does not say whether it is tanh or ReLU: taken as tanh (see --cell)."
        if found[0].is_ambiguous
        else ""
    )
    return Report(
        report.layers, report.lag, report.sequences, (*report.notes, said + kind), report.advise, report.measure_stack
    )


def _read(path: str) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(MOST_BYTES + 1)


def _page(report: Report) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>How far back the gradient reaches</title>'
        "<style>body{font:16px/1.5 system-ui;max-width:50rem;margin:2rem auto;padding:0 1rem}"
        "td,th{text-align:left;padding:.2rem 1rem .2rem 0}svg{max-width:100%;height:auto}</style>"
        f"<h1>How far back does the gradient reach?</h1>{report._repr_html_()}</html>"
    )


if __name__ == "__main__":
    sys.exit(main())
