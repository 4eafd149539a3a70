"""A small grammar of our own words, in which the number of the first noun decides the verb, however far away.

*the keys that the young guest left beside the old cabinet are lost.* Nouns between the two may have the other number:
attractors, as Linzen, Dupoux & Goldberg 2016 call them. Everything is drawn from a ``random.Random`` of the caller's.
No word but the verb begins with a or i, so behind a space these two letters stand for *are* and *is* alone.

A noun and a place are either met together in training or kept for later: see :func:`is_kept_for_later`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

from explainer.serving.once import once

SUBJECTS = ("key", "letter", "map", "cup", "lamp", "ring", "coin", "book", "note", "card")
PEOPLE = ("guest", "boy", "cook", "nurse", "friend", "son")
PLACES = ("cabinet", "table", "garden", "door", "shelter", "window", "drawer", "chest", "stone", "bed")
PREPOSITIONS = ("beside", "under", "behind", "near", "by")
ADJECTIVES = ("old", "red", "small", "round", "long", "green", "young")
DEEDS = ("left", "found", "hid", "put", "saw", "lost")
ENDINGS = ("lost", "new", "clean", "gone", "there", "heavy", "safe")

LETTERS = " .abcdefghijklmnopqrstuvwxyz"
"""All characters; a character's place here is where its one-hot vector is 1."""

SINGULAR, PLURAL = "is", "are"
MOST_CLAUSES = 4  # between noun and verb, in training


@dataclass(frozen=True)
class Sentence:
    """The beginning of a sentence up to the space in front of its verb, and what follows.

    Attributes:
        begin: all characters before the verb.
        verb: ``is`` or ``are``, as the first noun wants.
        end: what follows the verb.
        settled: the place in ``begin`` of the character that settles the number: the s of a plural, for a singular the
            space in its stead.
    """

    begin: str
    verb: str
    end: str
    settled: int

    @property
    def text(self) -> str:
        return f"{self.begin}{self.verb} {self.end}."

    @property
    def lag(self) -> int:
        """How many steps before the last character of ``begin`` the number is settled."""
        return len(self.begin) - 1 - self.settled

    @property
    def right(self) -> str:
        """The verb's first letter."""
        return self.verb[0]

    @property
    def wrong(self) -> str:
        """The first letter of the other verb."""
        return "i" if self.right == "a" else "a"

    def word_at(self, place: int) -> str:
        """The word before the verb that a character belongs to; of a space, the one in front of it."""
        return (self.begin[:place].split(" ")[-1] + self.begin[place:].split(" ")[0]).strip()


def _noun(word: str, is_plural: bool, adjective: str = "") -> str:
    return " ".join(filter(None, ("the", adjective, word + "s" * is_plural)))


def of(subject: str, is_plural: bool, clauses: tuple[str, ...], end: str = "lost", adjective: str = "") -> Sentence:
    """The sentence with this subject and these clauses between it and its verb."""
    noun = _noun(subject, is_plural, adjective)
    begin = " ".join((noun, *clauses, ""))
    return Sentence(begin, PLURAL if is_plural else SINGULAR, end, len(noun) - is_plural)


def is_kept_for_later(subject: str, place: str) -> bool:
    """Whether no sentence of the training has both: one in five of all pairs, two places for each subject."""
    return (SUBJECTS.index(subject) + PLACES.index(place)) % 5 == 0


def draw(chance: random.Random, clauses: int, is_for_later: bool = False) -> Sentence:
    """One sentence, its number by the toss of a coin, as is the number of each noun between.

    Args:
        chance: what it is drawn from.
        clauses: how many stand between the noun and its verb.
        is_for_later: whether its places are those that the training never has beside its subject; at least one clause
            has a place then.
    """
    subject = chance.choice(SUBJECTS)
    places = [place for place in PLACES if is_kept_for_later(subject, place) == is_for_later]
    adjective = chance.choice(ADJECTIVES) if chance.random() < 0.25 else ""
    parts = []
    for i in range(clauses):
        words = PEOPLE if i == 0 and chance.random() < 0.5 and not (is_for_later and clauses == 1) else places
        described = chance.choice(ADJECTIVES) if chance.random() < 0.4 else ""
        noun = _noun(chance.choice(words), chance.random() < 0.5, described)
        parts.append(
            f"that {noun} {chance.choice(DEEDS)}" if words is PEOPLE else f"{chance.choice(PREPOSITIONS)} {noun}"
        )
    return of(subject, chance.random() < 0.5, tuple(parts), chance.choice(ENDINGS), adjective)


@once(16)
def held_out(clauses: int, count: int) -> tuple[Sentence, ...]:
    """So many sentences with so many clauses that training cannot have had; the same at every call."""
    chance = random.Random(1_000 + clauses)
    return tuple(draw(chance, clauses, is_for_later=True) for _ in range(count))


def codes(texts: list[str]) -> np.ndarray:
    """The places of all characters in ``LETTERS``, (texts, longest) int64; −1 behind the end of a shorter text."""
    length = max(map(len, texts))
    return np.array([[*map(LETTERS.index, text), *[-1] * (length - len(text))] for text in texts], dtype=np.int64)


def ladder(is_plural: bool) -> tuple[Sentence, ...]:
    """The same sentence with one clause after another put in between; all nouns there have the other number."""
    s = "" if is_plural else "s"
    clauses = (
        f"that the young guest{s} left",
        f"beside the old cabinet{s}",
        f"under the long window{s}",
        f"near the round cabinet{s}",
        f"behind the small window{s}",
    )
    return tuple(of("key", is_plural, clauses[:count]) for count in range(len(clauses) + 1))


MAIN = ladder(is_plural=True)[2]
"""*the keys that the young guest left beside the old cabinet are lost.* Its s is 50 steps back."""
