"""How to cite the page. The same facts stand in ``CITATION.cff``, which GitHub reads; a test compares the two."""

from explainer.languages import word

SHORT_TITLE = word("Why gates remember")
TITLE = "Why gates remember: vanishing and exploding gradients, live"
AUTHOR = "the gated cell state explainer authors"
YEAR = 2026
VERSION = "1.0.0"

CITATION = f"{AUTHOR} ({YEAR}). *{TITLE}*. Version {VERSION}."


def bibtex(address: str) -> str:
    """The page as a BibTeX entry; the address is where it is served."""
    return (
        "@software{why_gates_remember,\n"
        f"  author  = {{{{{AUTHOR}}}}},\n"
        f"  title   = {{{TITLE}}},\n"
        f"  year    = {{{YEAR}}},\n"
        f"  version = {{{VERSION}}},\n"
        f"  url     = {{{address}}},\n"
        "}"
    )
