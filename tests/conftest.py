"""What all tests share: one thread for torch, and hypothesis' profile."""

from __future__ import annotations

import os

import hypothesis

# Read by OpenMP when torch is first imported, so it is set before any test module is.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# No test is timed, an example's time least of all. CI tries the same examples each time, a person new ones.
hypothesis.settings.register_profile("person", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "person")
