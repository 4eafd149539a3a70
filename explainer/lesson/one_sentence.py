"""Beyond the lab: one sentence that means something, read letter by letter, and what reaches each of its letters."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pyarrow as pa

from explainer import words
from explainer.choices.settings import Settings
from explainer.figures import by_lag, figure, hands, letters, networks, rows, style
from explainer.figures.by_lag import Series
from explainer.figures.figure import Plot, decades, stack, steps, table, text
from explainer.figures.program import Program
from explainer.lesson import moves
from explainer.lesson.parts import Asked, Prediction, Receipt, Section, Side
from explainer.maths import gradients, readers, sentences
from explainer.maths.readers import CELLS, Reach
from explainer.programs import one_sentence as programs
from explainer.serving.once import once

_ARGUMENT = r"""
*Beyond the lab.* Up to here nothing that was read meant anything. These two small networks read a sentence, letter by
letter:

> the key**s** that the young guest left beside the old cabinet **are** lost.

Is it *are* or *is*? **One letter decides**: the s of *keys*. In *the key* a space stands in its stead. Nothing after
it says anything about the verb, and the two nouns on the way, *guest* and *cabinet*, have the other number; Linzen,
Dupoux & Goldberg 2016 call such nouns *attractors*. Let $t$ be the step that reads the last letter before the verb, a
space. There the network has to say which letter comes next, and the s was read 50 steps before, at $t - 50$.

Both networks, an :orange[RNN with tanh] and a :blue[gated LSTM], have 24 units. Both have learned to say the next
letter of sentences from a small grammar, written for this page, in which nought to four clauses stand between a noun
and its verb. They had the same sentences in the same order, 2,000 steps of Adam each, and torch's own weights to begin
with. None of these sentences had a key and a cabinet in it.

How much does each letter count for the verb? The network gives each letter that may come next a number, its logit $z$.
What decides between the two verbs is the **margin**

$$
m = z_{\text{right}} - z_{\text{wrong}} , \qquad\text{here}\qquad m = z_{\text{a}} - z_{\text{i}} .
$$

If $p$ is the probability of the right one of the two, then the loss of this choice is $L = -\log p$. Its gradient is
that of the margin, but for a factor:

$$
\frac{\partial L}{\partial x^{(t-k)}} = -(1 - p)\, \frac{\partial m}{\partial x^{(t-k)}} .
$$

Once the network is sure, $1 - p$ is nearly 0, and so is the gradient of the loss, however well the network remembers.
So the figure shows the margin's. $x^{(t-k)}$ is the letter as a vector of 28 numbers, a single one of which is 1.

**Before training** the product does what it has done all along: with torch's own biases each step back costs, in both
networks, and next to nothing reaches the s. **After training** both lines lie higher. The gated one's falls over the
last ten letters and then stays near 1, as far as the s and beyond. The vanilla network's line still falls step by step.
The second figure shows what comes of it: one of the two knows the verb at every distance tried, the other guesses as
soon as one clause stands between.

Press a letter in the first figure, and $k$ becomes its lag. Press the s and set $b_f$ to 3: how much reaches it
untrained?
"""

_LOOK_CLOSER = r"""
**A gradient is not a cause.** It says what a very small change of a letter would do, and a letter cannot change a
little. The last letters have the largest gradients, and they say nothing about the verb. What decides is found by
changing the sentence: without its s the gated network's margin changes sign, without the b of *cabinet* it does not.

**One small grammar.** Ten nouns, ten places, six people; the verb is *is* or *are*. That is far from all of English.
Linzen, Dupoux & Goldberg 2016 asked this question about sentences from Wikipedia, read word by word. Their LSTM,
trained for this very question, mostly found the verb's number, and erred more often the more attractors there were.
Trained only to say the next word, it erred far more often.

**What helped.** In the loss the verb's first letter is weighted three times as much as the mean over all letters, or it
would be one letter among many. Short and long sentences are mixed from the beginning, so the noun is
often near. One draw of the weights is shown. Of four draws, the gated network learned the verb in each and the vanilla
one in none; the recipe was the same for both.

**The weights are those of that one training**, from torch's own biases, rounded to float16. The forget bias moves the
gated line before training, and nothing else here.
"""

_MAIN = sentences.MAIN
_LAST = len(_MAIN.begin) - 1  # the lag of the sentence's first letter
_NEAR = 5  # the lag of a letter that says nothing about the verb


def _lines(*kinds: str) -> tuple[Series, ...]:
    """Two kinds of line for each network; the first is the one with more gaps."""
    looks = {"vanilla": (style.VERMILION, ((2, 3), (1, 0))), "gated": (style.BLUE, ((9, 3, 2, 3), (7, 3)))}
    return tuple(
        Series(f"{cell}, {kind}", color, dash)
        for cell, (color, dashes) in looks.items()
        for kind, dash in zip(kinds, dashes, strict=True)
    )


_LINES = _lines("before training", "after training")


def _measured(settings: Settings) -> tuple[Reach, ...]:
    """In the order of ``_LINES``."""
    return tuple(reach for cell in CELLS for reach in (readers.before(cell, settings.bf), readers.after(cell)))


def _letter(lag: int) -> str:
    """The letter so many steps back, in words: ``the s of “keys”``."""
    place = _LAST - lag
    word = _word(place)
    return f"the space after “{word}”" if _MAIN.begin[place] == " " else f"the {_MAIN.begin[place]} of “{word}”"


def _word(place: int) -> str:
    """The word that a letter belongs to; of a space, the one in front of it."""
    return (_MAIN.begin[:place].split(" ")[-1] + _MAIN.begin[place:].split(" ")[0]).strip()


# --- what reaches each letter -------------------------------------------------------------------------------


@once(32)
def _lines_tables(bias: float | None, _: bool) -> dict[str, pa.Table]:
    measured, lag = _measured(Settings(bf=bias)), np.arange(_LAST + 1)
    said = [[words.magnitude(value) for value in one.log10_norm.tolist()] for one in measured]
    lines = [
        table(
            lag=steps(lag),
            series=text([series.name] * len(lag)),
            letter=text([*_MAIN.begin[::-1]]),
            log10_magnitude=decades(one.log10_norm),
            status=gradients.status_of(one.log10_norm),
        )
        for series, one in zip(_LINES, measured, strict=True)
    ]
    own = table(
        lag=steps(lag),
        letter=text([letters.shown(letter) for letter in _MAIN.begin[::-1]]),
        word=text([_word(_LAST - one) for one in lag.tolist()]),
        **{f"line_{i}": text(column) for i, column in enumerate(said)},
    )
    ends = [one.log10_norm for one in measured]
    return {"gradients": stack(*lines), "letters": own, "frame": figure.frame((-len(_MAIN.verb), _LAST), ends)}


def _sentence_tables() -> dict[str, pa.Table]:
    """The sentence up to its verb, by letter and by word; the verb's lags are below 0."""
    written = _MAIN.begin + _MAIN.verb
    lag = _LAST - np.arange(len(written))
    found, place = [], 0
    for count, word in enumerate(written.split(" ")):
        found.append((_LAST - place - (len(word) - 1) / 2, word, count % 2))
        place += len(word) + 1
    middle, each, row = zip(*found, strict=True)
    return {
        "spelled": table(lag=steps(lag), letter=text([*written]), is_read=lag >= 0),
        "words": table(lag=steps(middle), word=text(each), row=np.array(row), is_read=np.array(middle) >= 0),
    }


def _letters_tables(settings: Settings) -> dict[str, pa.Table]:
    inside = [settings.k] if settings.k <= _LAST else []
    here = table(
        lag=np.array(inside, dtype=float),
        label=text([f"k = {k}: {_letter(k)}" for k in inside]),
        is_left=np.array([k > _LAST / 2 for k in inside], dtype=bool),
    )
    log10 = [float(one.log10_norm[k]) for one in _measured(settings) for k in inside]
    crossings = table(
        lag=np.array(inside * len(_LINES), dtype=float),
        series=text([one.name for one in _LINES] if inside else []),
        log10_magnitude=decades(np.array(log10, dtype=float)),
    )
    return _lines_tables(settings.bf, rows.are_bare()) | {"here": here, "crossings": crossings} | _sentence_tables()


def _letters_caption(settings: Settings) -> str:
    k = settings.k
    start = f"Before training: torch's own weights, and for the gated network {networks.bias_words(settings.bf)}"
    start += "" if settings.bf == readers.FORGET_BIAS else "; the training did not begin from this forget bias"
    if k > _LAST:
        return (
            f"Your k = {k} lies before the first letter of the sentence, which was read {words.steps(_LAST)} before t. "
            f"{start}."
        )
    vanilla, vanilla_after, gated, gated_after = (
        words.magnitude(float(one.log10_norm[k]), digits=2) for one in _measured(settings)
    )
    decides = ", which decides the verb" if k == _MAIN.lag else ""
    return (
        f"T{_letter(k)[1:]}, {words.steps(k)} back{decides}: the margin's gradient there goes from "
        f"{vanilla} to {vanilla_after} in the vanilla network by its training, and from {gated} to {gated_after} in "
        f"the gated one. {start}."
    )


LETTERS = Plot(
    title="What reaches each letter from the margin at the verb",
    height=letters.HEIGHT,
    reads=("k", "bf"),
    drawing=letters.drawing(_LINES, "gradient of the margin by the letter"),
    tables=_letters_tables,
    caption=_letters_caption,
    program=Program(programs.letter_gradients, "log10_magnitude", fixed={"begin": _MAIN.begin, "right": _MAIN.right}),
    hand=hands.Press((("lag", "k"),), goes_on=True),
)

# --- how sure each is ---------------------------------------------------------------------------------------

_NUMBERS = {"singular": False, "plural": True}
_SURE = _lines(*_NUMBERS)
_CLAUSES = (1, 2, 4, 6)  # of the sentences that are counted: the last are longer than any in training


def _rungs(number: str) -> tuple[sentences.Sentence, ...]:
    return sentences.ladder(_NUMBERS[number])


_FARTHEST = float(max(one.lag for number in _NUMBERS for one in _rungs(number)))


@once(2)
def _verbs(_: bool) -> dict[str, pa.Table]:
    lines = []
    for cell in CELLS:
        for number in _NUMBERS:
            chance, several = readers.right_chance(cell, _NUMBERS[number]), _rungs(number)
            lines.append(
                table(
                    lag=steps(np.array([one.lag for one in several])),
                    series=text([f"{cell}, {number}"] * len(several)),
                    begin=text([f"{one.begin.strip()} …" for one in several]),
                    probability=chance,
                    status=gradients.status_of(chance, log10=False),
                )
            )
    return {
        "verbs": stack(*lines),
        "frame": table(lag=[0.0, _FARTHEST]),
        "guess": table(probability=[0.5], label=["a guess"]),
    }


def _sure_tables(settings: Settings) -> dict[str, pa.Table]:
    return _verbs(rows.are_bare()) | {"marks": by_lag.lag_mark(settings.k, int(_FARTHEST))}


def _within(settings: Settings) -> int:
    """The last rung whose letter that decides is no further back than k; every k is at least that of the first."""
    return max(i for i, one in enumerate(_rungs("plural")) if one.lag <= max(settings.k, 1))


def _sure_caption(settings: Settings) -> str:
    rung, several = _within(settings), _rungs("plural")
    vanilla, gated = (words.percent(float(readers.right_chance(cell, True)[rung])) for cell in CELLS)
    counted = "; ".join(
        f"the {cell} network {words.listed([words.percent(readers.accuracy(cell, count)) for count in _CLAUSES])}"
        for cell in CELLS
    )
    return (
        f"One sentence, clause by clause, for “the key” and “the keys”. At lag {several[rung].lag} the probability of "
        f"“are”, of the two verbs, is {vanilla} in the vanilla network and {gated} in the gated one. Right of 200 "
        f"unseen sentences with {words.listed([str(count) for count in _CLAUSES])} clauses each: {counted}."
    )


SURE = Plot(
    title="How sure each network is of the verb, by distance",
    height=style.HALF_HEIGHT,
    reads=("k",),
    drawing=letters.by_distance(_SURE),
    tables=_sure_tables,
    caption=_sure_caption,
    program=Program(
        programs.right_verbs,
        "probability",
        fixed={number: tuple(one.begin for one in _rungs(number)) for number in _NUMBERS},
    ),
    hand=hands.LAG,
)

# --- the section --------------------------------------------------------------------------------------------

_FACTOR = 2.0  # within which two gradients count as equal


def _asked(settings: Settings) -> Asked:
    move = moves.first(settings, {"k": _NEAR}, {"k": _MAIN.lag})
    return Asked(
        f"{move.in_words(settings)}. Which has the larger gradient in the trained gated network: {_letter(_MAIN.lag)}, "
        f"{words.steps(_MAIN.lag)} back, which decides the verb, or {_letter(_NEAR)}, {words.steps(_NEAR)} back, which "
        "says nothing about it?",
        (f"T{_letter(_MAIN.lag)[1:]}", f"T{_letter(_NEAR)[1:]}", f"Within a factor of {_FACTOR:g} they are equal"),
        move,
    )


def _margin_without(lag: int) -> float:
    """The trained gated network's margin for are if this letter of the sentence is left out."""
    place = _LAST - lag
    changed = dataclasses.replace(_MAIN, begin=_MAIN.begin[:place] + _MAIN.begin[place + 1 :])
    return float(readers.margins(readers.trained("gated"), [changed])[0])


def _question(settings: Settings) -> Prediction:
    reach = readers.after("gated")
    far, near = (float(reach.log10_norm[lag]) for lag in (_MAIN.lag, _NEAR))
    return _asked(settings).answered(
        2 if abs(far - near) <= math.log10(_FACTOR) else 0 if far > near else 1,
        f"{words.magnitude(far)} at {_letter(_MAIN.lag)} and {words.magnitude(near)} at {_letter(_NEAR)}. Yet what "
        f"decides is the s: the margin of are over is, {words.number(reach.margin)}, becomes "
        f"{words.number(_margin_without(_MAIN.lag))} without it, and {words.number(_margin_without(_NEAR))} without "
        "that b.",
    )


def _receipt(settings: Settings) -> Receipt:
    lag = min(settings.k, _LAST)
    beyond = (
        f"Your k = {settings.k} lies before the sentence's first letter; the two sides are of that, lag {lag}. "
        if settings.k > _LAST
        else ""
    )
    autograd = {cell: float(np.linalg.norm(readers.after(cell).gradient[lag])) for cell in CELLS}
    product = {cell: readers.product_of_steps(cell, lag) for cell in CELLS}
    return Receipt(
        r"\left\lVert\frac{\partial m}{\partial x^{(t-k)}}\right\rVert = \left\lVert"
        r"\frac{\partial m}{\partial s^{(t)}}\;\left("
        r"\prod_{i=0}^{k-1}\frac{\partial s^{(t-i)}}{\partial s^{(t-i-1)}}\right)"
        r"\frac{\partial s^{(t-k)}}{\partial x^{(t-k)}}\right\rVert",
        Side(f"autograd through the trained nn.LSTM, lag {lag}", autograd["gated"]),
        Side("the product of the Jacobians of its steps, each written out", product["gated"]),
        others=(
            Side("autograd through the trained nn.RNN", autograd["vanilla"]),
            Side("the product of the Jacobians of its steps", product["vanilla"]),
        ),
        remark=f"{beyond}Here s is the state of a step: h and c together in the gated network, h in the vanilla one.",
    )


SECTION = Section(
    title="One sentence",
    argument=_ARGUMENT,
    plots=(LETTERS, SURE),
    asked=_asked,
    question=_question,
    receipt=_receipt,
    remember="To know the verb, a network has to keep one letter over fifty others; a gate can learn to.",
    look_closer=_LOOK_CLOSER,
)
