"""Tests of what Streamlit does not document: each names its fact, and says what to do if it fails."""

from __future__ import annotations

import functools
from collections.abc import Callable

from explainer.page.undocumented import FACTS


def fact(name: str) -> Callable[[Callable], Callable]:
    """Mark a test as the one of a fact."""

    def decorate(test: Callable) -> Callable:
        @functools.wraps(test)
        def run(*arguments, **fixtures):
            try:
                test(*arguments, **fixtures)
            except Exception as error:
                one = FACTS[name]
                used = ", ".join(one.used_in)
                error.add_note(f"No longer so in Streamlit? “{one.fact}” Used in {used}. {one.otherwise}")
                raise

        return run

    return decorate
