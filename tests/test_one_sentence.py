"""The two networks that read a sentence, against a numpy of their own: forward, backward, grammar, training, claims."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable

import numpy as np
import pytest
import side_by_side
import torch
from test_claims import BY_SLUG, everything_said, plain

from explainer.choices.settings import Settings
from explainer.lesson import one_sentence as lesson
from explainer.maths import readers, sentences
from explainer.programs.readers import READERS
from scripts import train_readers

SLUG = "one-sentence"
LETTERS = " .abcdefghijklmnopqrstuvwxyz"
CLAIMED: list[str] = []


def claim(words: str) -> Callable:
    """The test computes these words of the section, which must still be there."""
    CLAIMED.append(words)
    return lambda test: test


# --- numpy --------------------------------------------------------------------------------------------------


def logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@functools.cache
def shipped(cell: str) -> dict[str, np.ndarray]:
    with np.load(readers.FILE, allow_pickle=False) as file:
        return {name[len(cell) + 1 :]: file[name].astype(float) for name in file.files if name.startswith(cell)}


def of(reader: readers.Reader) -> dict[str, np.ndarray]:
    return {name: weight.detach().double().numpy() for name, weight in reader.parameters().items()}


def margin_and_gradient(weights: dict[str, np.ndarray], begin: str, right: str) -> tuple[float, np.ndarray]:
    """The margin, and its gradient by each letter (T, 28), the first letter first: backpropagation through time."""
    by_input, by_state = weights["weight_ih_l0"], weights["weight_hh_l0"]
    n = by_state.shape[1]
    b, steps = weights["bias_ih_l0"] + weights["bias_hh_l0"], []
    h, c = np.zeros(n), np.zeros(n)
    for letter in begin:
        a = by_input[:, LETTERS.index(letter)] + by_state @ h + b
        if len(a) == n:
            h = np.tanh(a)
            steps.append((h,))
        else:
            i, f, g, o = logistic(a[:n]), logistic(a[n : 2 * n]), np.tanh(a[2 * n : 3 * n]), logistic(a[3 * n :])
            before, c = c, f * c + i * g
            h = o * np.tanh(c)
            steps.append((i, f, g, o, before, c))
    wrong = "i" if right == "a" else "a"
    row = weights["readout_weight"][LETTERS.index(right)] - weights["readout_weight"][LETTERS.index(wrong)]
    biases = weights["readout_bias"]
    margin = row @ h + biases[LETTERS.index(right)] - biases[LETTERS.index(wrong)]
    gradient, dh, dc = [], row, np.zeros(n)
    for step in reversed(steps):
        if len(step) == 1:
            da = dh * (1 - step[0] ** 2)
        else:
            i, f, g, o, before, c = step
            dc = dc + dh * o * (1 - np.tanh(c) ** 2)
            do = dh * np.tanh(c) * o * (1 - o)
            da = np.concatenate((dc * g * i * (1 - i), dc * before * f * (1 - f), dc * i * (1 - g**2), do))
            dc = dc * f
        gradient.append(by_input.T @ da)
        dh = by_state.T @ da
    return float(margin), np.array(gradient[::-1])


def log10_norm(weights: dict[str, np.ndarray]) -> np.ndarray:
    gradient = margin_and_gradient(weights, sentences.MAIN.begin, "a")[1]
    return np.log10(np.linalg.norm(gradient[::-1], axis=1))


def answer(settings: Settings) -> int:
    """Which of the two letters of the question has the larger gradient; whatever the settings."""
    reached = log10_norm(shipped("gated"))
    ratio = 10 ** (reached[50] - reached[5])
    return 2 if 0.5 <= ratio <= 2 else 0 if ratio > 1 else 1


@pytest.mark.parametrize("cell", readers.CELLS)
def test_what_reaches_a_letter_is_what_numpy_finds(cell: str):
    after = readers.after(cell)
    margin, gradient = margin_and_gradient(shipped(cell), sentences.MAIN.begin, "a")
    assert after.margin == pytest.approx(margin, rel=1e-10)
    np.testing.assert_allclose(after.gradient, gradient[::-1], rtol=1e-8, atol=1e-16)
    np.testing.assert_allclose(after.log10_norm, log10_norm(shipped(cell)), rtol=1e-9, atol=1e-9)
    for bias in (None, -2.0, 3.0):
        start = of(readers.start(cell, bias))
        np.testing.assert_allclose(readers.before(cell, bias).log10_norm, log10_norm(start), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("cell", readers.CELLS)
def test_the_margins_of_the_ladder_are_what_numpy_finds(cell: str):
    for is_plural in (True, False):
        found = [
            logistic(margin_and_gradient(shipped(cell), one.begin, "a" if is_plural else "i")[0])
            for one in sentences.ladder(is_plural)
        ]
        np.testing.assert_allclose(readers.right_chance(cell, is_plural), found, rtol=1e-10)


@pytest.mark.parametrize("lag", [0, 1, 8, 50, 57])
@pytest.mark.parametrize("cell", readers.CELLS)
def test_the_product_of_the_steps_is_the_gradient(cell: str, lag: int):
    assert readers.product_of_steps(cell, lag) == pytest.approx(10 ** log10_norm(shipped(cell))[lag], rel=1e-10)


# --- the figure's tables ------------------------------------------------------------------------------------


def tables_of_the_sentence(settings: Settings, shown) -> None:
    """For ``test_sections``: each plotted number of both figures."""
    rows = shown[0].tables["gradients"].to_pylist()
    for cell in readers.CELLS:
        bias = settings.bf if cell == "gated" else None
        for moment, reach in (("before", readers.before(cell, bias)), ("after", readers.after(cell))):
            line = [row["log10_magnitude"] for row in rows if row["series"] == f"{cell}, {moment} training"]
            assert line == reach.log10_norm.tolist()
    assert "".join(row["letter"] for row in rows[57::-1]) == sentences.MAIN.begin
    here = shown[0].tables["here"].to_pylist()
    assert [row["lag"] for row in here] == [settings.k] * (settings.k <= 57)
    crossed = {(row["lag"], row["series"], row["log10_magnitude"]) for row in shown[0].tables["crossings"].to_pylist()}
    assert crossed <= {(row["lag"], row["series"], row["log10_magnitude"]) for row in rows}
    assert len(crossed) == 4 * len(here)
    verbs = shown[1].tables["verbs"].to_pylist()
    for cell in readers.CELLS:
        for number, is_plural in (("singular", False), ("plural", True)):
            line = [row for row in verbs if row["series"] == f"{cell}, {number}"]
            assert [row["probability"] for row in line] == readers.right_chance(cell, is_plural).tolist()
            assert [row["lag"] for row in line] == [one.lag for one in sentences.ladder(is_plural)]


def test_the_sentence_stands_letter_by_letter_and_word_by_word_below_the_curves():
    tables = lesson.LETTERS.tables(Settings())
    spelled = sorted(tables["spelled"].to_pylist(), key=lambda row: -row["lag"])
    assert "".join(row["letter"] for row in spelled) == sentences.MAIN.begin + "are"
    assert [row["word"] for row in tables["words"].to_pylist()] == (sentences.MAIN.begin + "are").split()
    assert lesson.LETTERS.tables(Settings(k=58))["here"].num_rows == 0
    assert "before the first letter" in lesson.LETTERS.caption(Settings(k=58))
    assert "did not begin from this forget bias" in lesson.LETTERS.caption(Settings(bf=3.0))
    assert "The s of “keys”, 50 steps back, which decides the verb" in lesson.LETTERS.caption(Settings())
    assert lesson.LETTERS.caption(Settings(k=49)).startswith("The space after “keys”, 49 steps")


def test_another_letter_computes_no_gradient_anew():
    lesson.LETTERS.tables(Settings(bf=1.5))
    computed = readers.before.cache_info().misses, readers.after.cache_info().misses
    for k in (3, 17, 49, 120):
        lesson.LETTERS.tables(Settings(bf=1.5, k=k))
    assert (readers.before.cache_info().misses, readers.after.cache_info().misses) == computed


# --- the grammar --------------------------------------------------------------------------------------------


def test_the_number_of_the_first_noun_decides_the_verb_at_the_distance_that_is_said():
    chance = random.Random(0)
    several = [sentences.draw(chance, chance.randint(0, 6), bool(i % 2) and i > 9) for i in range(200)]
    for one in (*several, sentences.MAIN, *sentences.ladder(True), *sentences.ladder(False)):
        assert set(one.text) <= set(LETTERS) == set(sentences.LETTERS)
        subject = next(word for word in one.begin.split() if word.rstrip("s") in sentences.SUBJECTS)
        is_plural = subject.endswith("s")
        assert one.verb == ("are" if is_plural else "is")
        assert one.begin[one.settled] == ("s" if is_plural else " ")
        assert one.begin[: one.settled].endswith(subject.rstrip("s"))
        assert one.lag == len(one.begin) - 1 - one.settled
        assert one.text.startswith(one.begin + one.verb)
        assert not [word for word in one.begin.split() if word[0] in "ai"]  # behind a space a and i are the verb's


def test_what_is_kept_for_later_is_in_no_training():
    chance = random.Random(train_readers.readers.SEED)
    trained = [sentences.draw(chance, chance.randint(0, sentences.MOST_CLAUSES)) for _ in range(3000)]
    for clauses in (1, 2, 4, 6):
        for one in sentences.held_out(clauses, 200):
            nouns = [word.rstrip("s") for word in one.begin.split()]
            subject = next(word for word in nouns if word in sentences.SUBJECTS)
            places = {word for word in nouns if word in sentences.PLACES}
            assert places
            assert all(sentences.is_kept_for_later(subject, place) for place in places)
    for one in trained:
        nouns = [word.rstrip("s") for word in one.begin.split()]
        subject = next(word for word in nouns if word in sentences.SUBJECTS)
        assert not any(sentences.is_kept_for_later(subject, word) for word in nouns if word in sentences.PLACES)
    assert sentences.is_kept_for_later("key", "cabinet")


# --- the weights --------------------------------------------------------------------------------------------


def test_the_same_seed_trains_the_same_weights():
    once, again = (of(train_readers.train("gated", steps=3)) for _ in range(2))
    other = of(train_readers.train("gated", steps=3, seed=1))
    assert all((once[name] == again[name]).all() for name in once)
    assert not (once["weight_hh_l0"] == other["weight_hh_l0"]).all()


def test_readers_side_by_side_are_the_scripts_but_for_rounding():
    together = side_by_side.trained_readers((0, 3), steps=3)
    for cell, several in together.items():
        for seed, reader in zip((0, 3), several, strict=True):
            alone = of(train_readers.train(cell, steps=3, seed=seed))
            for name, weight in of(reader).items():
                # three steps of up to 0.005 each
                np.testing.assert_allclose(weight, alone[name], rtol=0, atol=0 if cell == "gated" else 1e-5)


def test_the_text_in_the_program_is_the_shipped_file():
    packed = {cell: {name: one.astype(np.float16) for name, one in shipped(cell).items()} for cell in readers.CELLS}
    assert set(READERS) == set(packed)
    assert train_readers.constant(packed) in train_readers.PROGRAM.read_text(encoding="utf-8")
    assert all((packed[cell][name] == one).all() for cell in packed for name, one in shipped(cell).items())
    assert readers.FILE.stat().st_size < 300_000


# --- claims -------------------------------------------------------------------------------------------------


@claim("the s was read 50 steps before, at t - 50")
@claim("None of these sentences had a key and a cabinet in it")
@claim("have 24 units")
@claim("a vector of 28 numbers")
@claim("Ten nouns, ten places, six people")
@claim("2,000 steps of Adam each")
@claim("nought to four clauses")
@claim("is weighted three times as much as the mean over all letters")
def test_claim_how_it_is_made():
    assert (sentences.MAIN.lag, readers.UNITS, len(LETTERS)) == (50, 24, 28)
    assert [len(set(words)) for words in (sentences.SUBJECTS, sentences.PLACES, sentences.PEOPLE)] == [10, 10, 6]
    assert (train_readers.STEPS, sentences.MOST_CLAUSES, train_readers.VERB) == (2000, 4, 3.0)


@claim("with torch's own biases each step back costs, in both networks, and next to nothing reaches the s")
@claim("both lines lie higher")
@claim("The gated one's falls over the last ten letters and then stays near 1, as far as the s and beyond")
@claim("The vanilla network's line still falls step by step")
def test_claim_training_levels_the_line_of_the_gated_network_alone():
    for cell in readers.CELLS:
        before = log10_norm(of(readers.start(cell, None)))
        assert before[50] < -10
        assert log10_norm(shipped(cell))[50] > before[50] + 5
    gated, vanilla = (log10_norm(shipped(cell)) for cell in ("gated", "vanilla"))
    assert gated[:5].min() > gated[10] + 0.4
    assert np.abs(gated[10:]).max() < np.log10(4)
    assert vanilla[0] - vanilla[50] > 5
    assert log10_norm(of(readers.start("gated", 3.0)))[50] > -2


@claim("one of the two knows the verb at every distance tried, the other guesses as soon as one clause stands between")
def test_claim_one_knows_and_the_other_guesses():
    for clauses in (1, 2, 4, 6):
        right = {
            cell: np.mean([
                margin_and_gradient(shipped(cell), one.begin, one.right)[0] > 0
                for one in sentences.held_out(clauses, 200)
            ])
            for cell in readers.CELLS
        }  # fmt: skip
        assert right["gated"] > 0.97
        assert 0.4 < right["vanilla"] < 0.6
        assert {cell: readers.accuracy(cell, clauses) for cell in right} == pytest.approx(right)


@claim("The last letters have the largest gradients")
@claim("without its s the gated network's margin changes sign, without the b of cabinet it does not")
def test_claim_a_gradient_is_not_a_cause():
    begin = sentences.MAIN.begin
    assert log10_norm(shipped("gated")).argmax() < 5
    whole, without_s, without_b = (
        margin_and_gradient(shipped("gated"), text, "a")[0]
        for text in (begin, begin.replace("keys", "key"), begin.replace("cabinet", "cainet"))
    )
    assert min(whole, without_b) > 0 > without_s


@claim("L = -\\log p")
def test_claim_the_gradient_of_the_loss_has_a_factor_that_fades():
    margin = torch.tensor(5.4, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(-torch.sigmoid(margin).log(), margin)
    assert slope.item() == pytest.approx(-(1 - torch.sigmoid(margin).item()), rel=1e-10)


@pytest.mark.claims(seconds=66)
@claim("Of four draws, the gated network learned the verb in each and the vanilla one in none")
def test_claim_of_four_draws():
    for cell, several in side_by_side.trained_readers(range(4)).items():
        for reader in several:
            reader.network.double()
            reader.readout.double()
            right = [(readers.margins(reader, sentences.held_out(clauses, 200)) > 0).mean() for clauses in (1, 2, 4, 6)]
            assert min(right) > 0.95 if cell == "gated" else max(right) < 0.65


@pytest.mark.parametrize("words", CLAIMED, ids=lambda words: words[:40])
def test_the_section_still_says_what_is_computed_here(words: str):
    assert plain(words) in everything_said(BY_SLUG[SLUG])
