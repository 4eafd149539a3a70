"""Beyond the lab: one sentence that means something, read letter by letter, and what reaches each of its letters."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa

from explainer import languages, words
from explainer.choices.settings import Settings
from explainer.figures import by_lag, figure, hands, letters, networks, rows, style
from explainer.figures.figure import Plot, decades, stack, steps, table, text
from explainer.figures.program import Program
from explainer.languages import say, word
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


_LINES = letters.lines(
    *(word("vanilla, before training"), word("vanilla, after training")),
    *(word("gated, before training"), word("gated, after training")),
)


def _measured(settings: Settings) -> tuple[Reach, ...]:
    """In the order of ``_LINES``."""
    return tuple(reach for cell in CELLS for reach in (readers.before(cell, settings.bf), readers.after(cell)))


def _letter(lag: int) -> str:
    """The letter so many steps back, in words: ``the s of “keys”``."""
    place = _LAST - lag
    letter = _MAIN.begin[place]
    said = word("the space after “{word}”") if letter == " " else word("the {letter} of “{word}”")
    return say(said, letter=letter, word=_MAIN.word_at(place))


# --- what reaches each letter -------------------------------------------------------------------------------


@once(32, also=languages.spoken)
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
        word=text([_MAIN.word_at(_LAST - one) for one in lag.tolist()]),
        **{f"line_{i}": text(column) for i, column in enumerate(said)},
    )
    ends = [one.log10_norm for one in measured]
    return {"gradients": stack(*lines), "letters": own, "frame": figure.frame((-len(_MAIN.verb), _LAST), ends)}


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
    return _lines_tables(settings.bf, rows.are_bare()) | {"here": here, "crossings": crossings} | letters.spelled(_MAIN)


def _letters_caption(settings: Settings) -> str:
    k = settings.k
    start = word("Before training: torch's own weights, and for the gated network {bias}.")
    if settings.bf != readers.FORGET_BIAS:
        start = word(
            "Before training: torch's own weights, and for the gated network {bias}; the training did not begin from "
            "this forget bias."
        )
    start = say(start, bias=networks.bias_words(settings.bf))
    if k > _LAST:
        return say(
            "Your k = {k} lies before the first letter of the sentence, which was read {steps} before t. {start}",
            k=k,
            steps=words.steps(_LAST),
            start=start,
        )
    names = "vanilla", "vanilla_after", "gated", "gated_after"
    sizes = [words.magnitude(float(one.log10_norm[k]), digits=2) for one in _measured(settings)]
    place = word("{letter}, {steps} back, which decides the verb") if k == _MAIN.lag else word("{letter}, {steps} back")
    return say(
        "{place}: the margin's gradient there goes from {vanilla} to {vanilla_after} in the vanilla network by its "
        "training, and from {gated} to {gated_after} in the gated one. {start}",
        place=words.capital(say(place, letter=_letter(k), steps=words.steps(k))),
        **dict(zip(names, sizes, strict=True)),
        start=start,
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
_NAMES = (word("vanilla, singular"), word("vanilla, plural"), word("gated, singular"), word("gated, plural"))
_SURE = letters.lines(*_NAMES)
_CLAUSES = (1, 2, 4, 6)  # of the sentences that are counted: the last are longer than any in training


def _rungs(number: str) -> tuple[sentences.Sentence, ...]:
    return sentences.ladder(_NUMBERS[number])


_FARTHEST = float(max(one.lag for number in _NUMBERS for one in _rungs(number)))


@once(6, also=languages.spoken)
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
        "guess": table(probability=[0.5], label=[say("a guess")]),
    }


def _sure_tables(settings: Settings) -> dict[str, pa.Table]:
    return _verbs(rows.are_bare()) | {"marks": by_lag.lag_mark(settings.k, int(_FARTHEST))}


def _within(settings: Settings) -> int:
    """The last rung whose letter that decides is no further back than k; every k is at least that of the first."""
    return max(i for i, one in enumerate(_rungs("plural")) if one.lag <= max(settings.k, 1))


def _sure_caption(settings: Settings) -> str:
    rung = _within(settings)
    vanilla, gated = (words.percent(float(readers.right_chance(cell, True)[rung])) for cell in CELLS)
    right_vanilla, right_gated = (
        words.listed([words.percent(readers.accuracy(cell, count)) for count in _CLAUSES]) for cell in CELLS
    )
    return say(
        "One sentence, clause by clause, for “the key” and “the keys”. At lag {lag} the probability of “are”, of the "
        "two verbs, is {vanilla} in the vanilla network and {gated} in the gated one. Right of 200 unseen sentences "
        "with {clauses} clauses each: the vanilla network {right_vanilla}; the gated network {right_gated}.",
        lag=_rungs("plural")[rung].lag,
        vanilla=vanilla,
        gated=gated,
        clauses=words.listed([str(count) for count in _CLAUSES]),
        right_vanilla=right_vanilla,
        right_gated=right_gated,
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
    far, near = _letter(_MAIN.lag), _letter(_NEAR)
    question = say(
        "{move}. Which has the larger gradient in the trained gated network: {far}, {far_steps} back, which decides "
        "the verb, or {near}, {near_steps} back, which says nothing about it?",
        move=move.in_words(settings),
        far=far,
        far_steps=words.steps(_MAIN.lag),
        near=near,
        near_steps=words.steps(_NEAR),
    )
    equal = say("Within a factor of {factor} they are equal", factor=words.number(_FACTOR))
    return Asked(question, (words.capital(far), words.capital(near), equal), move)


def _question(settings: Settings) -> Prediction:
    reach = readers.after("gated")
    far, near = (float(reach.log10_norm[lag]) for lag in (_MAIN.lag, _NEAR))
    return _asked(settings).answered(
        2 if abs(far - near) <= math.log10(_FACTOR) else 0 if far > near else 1,
        say(
            "{far} at {far_letter} and {near} at {near_letter}. Yet what decides is the s: the margin of are over is, "
            "{margin}, becomes {without_s} without it, and {without_b} without that b.",
            far=words.magnitude(far),
            far_letter=_letter(_MAIN.lag),
            near=words.magnitude(near),
            near_letter=_letter(_NEAR),
            margin=words.number(reach.margin),
            without_s=words.number(readers.margin_without("gated", _MAIN.lag)),
            without_b=words.number(readers.margin_without("gated", _NEAR)),
        ),
    )


def _receipt(settings: Settings) -> Receipt:
    lag = min(settings.k, _LAST)
    remark = say("Here s is the state of a step: h and c together in the gated network, h in the vanilla one.")
    if settings.k > _LAST:
        remark = say(
            "Your k = {k} lies before the sentence's first letter; the two sides are of that, lag {lag}. {remark}",
            k=settings.k,
            lag=lag,
            remark=remark,
        )
    autograd = {cell: float(np.linalg.norm(readers.after(cell).gradient[lag])) for cell in CELLS}
    product = {cell: readers.product_of_steps(cell, lag) for cell in CELLS}
    return Receipt(
        r"\left\lVert\frac{\partial m}{\partial x^{(t-k)}}\right\rVert = \left\lVert"
        r"\frac{\partial m}{\partial s^{(t)}}\;\left("
        r"\prod_{i=0}^{k-1}\frac{\partial s^{(t-i)}}{\partial s^{(t-i-1)}}\right)"
        r"\frac{\partial s^{(t-k)}}{\partial x^{(t-k)}}\right\rVert",
        Side(say("autograd through the trained nn.LSTM, lag {lag}", lag=lag), autograd["gated"]),
        Side(say("the product of the Jacobians of its steps, each written out"), product["gated"]),
        others=(
            Side(say("autograd through the trained nn.RNN"), autograd["vanilla"]),
            Side(say("the product of the Jacobians of its steps"), product["vanilla"]),
        ),
        remark=remark,
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
