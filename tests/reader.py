"""The page as Streamlit's test runner has it, kept whole where a control reruns some parts of it only."""

from __future__ import annotations

import functools
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

from streamlit.components.v2.bidi_component.constants import EVENT_DELIM
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.runtime.state.session_state import STREAMLIT_INTERNAL_KEY_PREFIX
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Node

from explainer.lesson import SECTIONS
from explainer.page import state, take

APP = Path(__file__).parents[1] / "streamlit_app.py"
PATIENCE_SECONDS = 400  # the first run imports torch and builds every drawing; no test measures time with it


class Reader(AppTest):
    """One reader's session: who has been through the whole page, so that everything is drawn, or has just opened it.

    After a run of some parts, Streamlit's own ``AppTest`` holds these parts and forgets the rest. A browser keeps the
    rest; so does this.

    Attributes:
        sent: the nodes that the last run has sent.
        hears: whether the server learns that what it has told has come, as a browser says.
    """

    def __init__(self, has_been_through: bool = True) -> None:
        super().__init__(APP, default_timeout=PATIENCE_SECONDS)
        self._bidi_component_manager = _installed_components()
        if has_been_through:
            self.session_state["presets"] = True  # open
            near = {*(section.slug for section in SECTIONS), take.ANCHOR}
            self.session_state[state.KEY] = state.PageState(near=near)
        self.sent: list[Node] = []
        self.hears = True

    def _run(self, *arguments, **keywords) -> AppTest:
        if self.hears and state.KEY in self.session_state:
            self.session_state[state.KEY].heard = self.session_state[state.KEY].told
        before = self._tree
        super()._run(*arguments, **keywords)
        now = self._tree
        self.sent = [node for node in now if _is_sent(node)]
        if not _is_sent(now.main.children.get(0)):  # the page begins with its stylesheet, at each run of all of it
            _graft(before, now)
            before._runner = now._runner
            self._tree = before
        return self

    def say(self, key: str, event: str, value: object) -> Reader:
        """What a component of the page says in one message, as its script does with ``setTriggerValue``."""
        said = self._tree.get_widget_states()
        said.widgets.add(
            id=f"{STREAMLIT_INTERNAL_KEY_PREFIX}_{self._id_of(key)}{EVENT_DELIM}events",
            json_trigger_value=json.dumps([{"event": event, "value": value}]),
        )
        return self._run(said)

    def keep(self, key: str, name: str, value: object) -> Reader:
        """The same with ``setStateValue``."""
        said = self._tree.get_widget_states()
        said.widgets.add(id=self._id_of(key), json_value=json.dumps({name: value}))
        return self._run(said)

    def _id_of(self, key: str) -> str:
        (found,) = [
            node.proto.id for node in self._tree if node.type == "bidi_component" and node.proto.id.endswith(f"-{key}")
        ]
        return found


@functools.cache
def _installed_components() -> BidiComponentManager:
    """The components of all installed packages. ``AppTest`` looks for them anew in each session: 0.1 s each time."""
    manager = BidiComponentManager()
    manager.discover_and_register_components(start_file_watching=False)
    return manager


def headings(block: Block) -> list[tuple[str, str]]:
    """(anchor, title) of the headings that can be linked to."""
    written = "\n".join(node.value for node in block.markdown)
    return [
        (anchor, html.unescape(title)) for anchor, title in re.findall(r'<h2 data-anchor="(.*?)">(.*?)</h2>', written)
    ]


def _is_sent(node: Node | None) -> bool:
    return node is not None and getattr(node, "proto", None) is not None


def _graft(old: Block, new: Block) -> None:
    """Put what was sent in place of what stood there."""
    for place, node in new.children.items():
        if _is_sent(node):
            old.children[place] = node
            for one in _below(node):
                one.root = old.root
        else:
            _graft(old.children[place], node)


def _below(node: Node) -> Iterator[Node]:
    yield from node if isinstance(node, Block) else (node,)
