"""Links to one state of the page: which sections and controls a link shows, and the code that embeds it.

Besides the controls' own parameters a link can have ``section=`` and ``controls=``. Their text never reaches the page:
it picks from names that the page knows, and otherwise only counts as unknown.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from explainer.choices.controls import CONTROL, CONTROLS
from explainer.choices.settings import Settings
from explainer.choices.spelling import meant
from explainer.languages import ENGLISH, LANGUAGES, spoken

SECTION, CONTROLS_PARAMETER, NO_CONTROL = "section", "controls", "none"
TASKS = "tasks"  # names an assignment
LANGUAGE = "lang"
VIEW, PROJECTOR = "view", "projector"
# what the page needs of a site that puts frames into a sandbox: its script, its own address, files, links to elsewhere
SANDBOX = 'sandbox="allow-scripts allow-same-origin allow-downloads allow-popups"'
LIGHT, DARK = "light_theme", "dark_theme"  # Streamlit's own names for ?embed_options=


@dataclass(frozen=True)
class View:
    """The part of the page that a link asks for.

    Attributes:
        sections: slugs, in the lesson's order. None is the whole lesson; empty means that no name asked for is known.
        controls: names of the controls that the reader may move, in the page's order. None is all of them.
        unknown_sections: whether ``section=`` has a name that is no section's.
        unknown_controls: whether ``controls=`` has a name that is no control's.
    """

    sections: tuple[str, ...] | None = None
    controls: tuple[str, ...] | None = None
    unknown_sections: bool = False
    unknown_controls: bool = False

    def shows(self, slug: str) -> bool:
        """Whether the section of this slug is on the page."""
        return self.sections is None or slug in self.sections

    def movable(self, moved_by: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
        """Names of the controls to show.

        Args:
            moved_by: for each section's slug, the names of the controls that move it.
        """
        shown = moved_by if self.sections is None else self.sections
        moving = {name for slug in shown for name in moved_by[slug]}
        allowed = moving if self.controls is None else moving & set(self.controls)
        return tuple(control.name for control in CONTROLS if control.name in allowed)


def _names(texts: Iterable[str]) -> set[str]:
    return {name.strip().lower() for text in texts for name in text.split(",") if name.strip()}


def view(sections: Sequence[str], controls: Sequence[str], slugs: Sequence[str]) -> View:
    """The view that ``section=`` and ``controls=`` ask for, whatever stands in them.

    Args:
        sections, controls: all values of the parameter in the URL; empty if it has none.
        slugs: the slugs of all sections, in the lesson's order.
    """
    texts = {name.strip() for text in controls for name in text.split(",") if name.strip()}
    asked = {meant(name, (*CONTROL, NO_CONTROL)) or name for name in texts}
    known = tuple(control.name for control in CONTROLS if control.name in asked)
    fixed = known or NO_CONTROL in asked
    wanted = _names(sections)
    return View(
        sections=tuple(slug for slug in slugs if slug in wanted) if wanted else None,
        controls=known if fixed else None,
        unknown_sections=bool(wanted - set(slugs)),
        unknown_controls=bool(asked - set(known) - {NO_CONTROL}),
    )


def language(texts: Sequence[str]) -> str | None:
    """The language that ``lang=`` asks for: English where nothing does, None where the page does not speak it.

    A region does not count: ``de-AT`` is German.
    """
    if not texts:
        return ENGLISH
    asked = texts[-1].strip().lower().replace("_", "-").partition("-")[0]
    return asked if asked in LANGUAGES else None


def asking(name: str, value: str) -> str:
    """The part of a link after the question mark that asks for one thing alone, in the language that is spoken."""
    spoken_by = [] if spoken() == ENGLISH else [(LANGUAGE, spoken())]
    return urlencode([*spoken_by, (name, value)], safe=",")


def query(
    settings: Settings,
    sections: Sequence[str] = (),
    controls: Sequence[str] | None = None,
    embed: bool = False,
    theme: str | None = None,
) -> str:
    """The part of a link after the question mark, which keeps the language; empty if everything is at its default.

    Args:
        settings: the state of the page.
        sections: slugs; empty for the whole lesson.
        controls: names of the controls that the reader may move; empty for none, None for all.
        embed: whether the page is laid out for an iframe.
        theme: ``LIGHT``, ``DARK``, or None for the reader's own.
    """
    parameters: list[tuple[str, str]] = []
    if spoken() != ENGLISH:
        parameters.append((LANGUAGE, spoken()))
    if embed:
        parameters.append(("embed", "true"))
    if theme:
        parameters.append(("embed_options", theme))
    if sections:
        parameters.append((SECTION, ",".join(sections)))
    if controls is not None:
        parameters.append((CONTROLS_PARAMETER, ",".join(controls) or NO_CONTROL))
    parameters += [(name, text) for name, texts in settings.to_query().items() for text in texts]
    return urlencode(parameters, safe=",")


def address(base: str, asked: str = "", anchor: str = "") -> str:
    """A whole link.

    Args:
        base: the page's address.
        asked: what :func:`query` gives.
        anchor: the slug of the section to scroll to.
    """
    return base + (f"?{asked}" if asked else "") + (f"#{anchor}" if anchor else "")


def iframe(source: str, title: str, height: int) -> str:
    """The HTML that embeds an address.

    Args:
        source: the address.
        title: what a screen reader says of the frame.
        height: in pixels.
    """
    return (
        f'<iframe src="{html.escape(source)}"\n'
        f'        title="{html.escape(title)}"\n'
        f'        width="100%" height="{height:d}" style="border: 0" loading="lazy"\n'
        '        allow="clipboard-write"></iframe>'
    )
