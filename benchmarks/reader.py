"""A reader without a face: one session over the real WebSocket, saying what a browser says."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from tornado.websocket import WebSocketClientConnection, websocket_connect

from explainer.choices.controls import CONTROL
from explainer.choices.settings import Settings
from explainer.take import links

LIVE, SWEEP = "explainer.live", "explainer.sweep"  # the page's components
SHORT = 65_536  # bytes; what is longer holds tables, and has nothing that a reader without a face needs
TRIGGERS = "$$STREAMLIT_INTERNAL_KEY_{}__events"  # Streamlit's name for what a component says once
ENDS = {ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY}
FAILURES = {ForwardMsg.FINISHED_WITH_COMPILE_ERROR}


class Reader:
    """One session that moves sliders.

    Args:
        settings: the state of the link it opens.
        section: the slug of the one section that its page shows, if it does not show the whole lesson.
        sight: the slug of the section it has in sight, with those next to it near; without it the whole page has been
            drawn, and answers at once.
        through: it has been through the whole page before, so that every section is drawn.
    """

    def __init__(
        self, settings: Settings, section: str | None = None, sight: str | None = None, through: bool = False
    ) -> None:
        self.settings, self.section, self.sight, self.through = settings, section, sight, through
        self.near: list[str] = []  # the slugs of the sections that are drawn for it
        self.sliders: dict[str, str] = {}  # id by name
        self.component = ""  # the id of what tells the server which section is in sight
        self.sweeper = ""  # the id of what asks for sweeps
        self.swept = self.asked = 0  # how many answers of it have come, and how many it has asked for
        self.fragments: dict[str, str] = {}  # by the id of what stands in it
        self.moves = self.pauses = 0
        self.known: dict = {}  # what the server has told the browser last: what is late, and more
        self.socket: WebSocketClientConnection | None = None

    async def open(self, port: int) -> float:
        """Milliseconds until the page is there, with what is drawn around the section in sight."""
        begun = time.perf_counter()
        self.socket = await websocket_connect(f"ws://localhost:{port}/_stcore/stream", max_message_size=2**28)
        ask = BackMsg()
        ask.rerun_script.query_string = self._query()
        await self._ask(ask, self._learn)
        if not self.sliders or not self.component:
            raise RuntimeError("the page has no sliders")
        self.near = self._near()
        await self._ask(self._state(self.component))
        return (time.perf_counter() - begun) * 1e3

    def _near(self) -> list[str]:
        sections = self.known["sections"]
        if self.through or not self.sight:
            return sections
        place = sections.index(self.sight)
        return sections[max(place - 1, 0) : place + 2]

    async def set(self, name: str, value: float) -> float:
        """Put a slider at another value; milliseconds until the end of the answer."""
        if value == getattr(self.settings, name):
            raise ValueError(f"{name} is {value!r} already; a browser would say nothing")
        begun = time.perf_counter()
        self.settings = self.settings.replace(**{name: value})
        self.moves += 1
        await self._ask(self._state(self.sliders[name]))
        return (time.perf_counter() - begun) * 1e3

    async def pause(self) -> float:
        """Ask for what the last answer has left out; milliseconds until it is there."""
        begun = time.perf_counter()
        self.pauses += 1
        await self._ask(self._event("pause", {"sections": [self.sight], "asked": self.pauses}))
        return (time.perf_counter() - begun) * 1e3

    async def ask_for_a_sweep(self, name: str) -> float:
        """What a browser does when the pointer comes to a slider; milliseconds until the answer is there."""
        begun = time.perf_counter()
        self.asked += 1
        sections = [self.section or self.sight]
        ask = self._event("wanted", {"name": name, "sections": sections, "count": self.asked}, self.sweeper)
        await self._ask(ask, sweeps=self.swept + 1)
        return (time.perf_counter() - begun) * 1e3

    @property
    def is_late(self) -> bool:
        """Whether something does not show yet what it should."""
        return bool(self.known.get("late"))

    def leave(self) -> None:
        if self.socket is not None:
            self.socket.close()

    def _query(self) -> str:
        return links.query(self.settings, (self.section,) if self.section else ())

    def _state(self, changed: str) -> BackMsg:
        ask = BackMsg()
        ask.rerun_script.query_string = self._query()
        ask.rerun_script.fragment_id = self.fragments[changed]
        for name, widget in self.sliders.items():
            state = ask.rerun_script.widget_states.widgets.add()
            state.id = widget
            state.string_array_value.data.append(CONTROL[name].text(getattr(self.settings, name)))
        state = ask.rerun_script.widget_states.widgets.add()
        state.id = self.component
        sight = {"sight": {"sections": [self.sight] if self.sight else [], "heard": self.known.get("told", 0)}}
        state.json_value = json.dumps({"near": {"sections": self.near}, **sight})
        return ask

    def _event(self, event: str, value: dict, component: str = "") -> BackMsg:
        component = component or self.component
        ask = self._state(component)
        said = ask.rerun_script.widget_states.widgets.add()
        said.id = TRIGGERS.format(component)
        said.json_trigger_value = json.dumps([{"event": event, "value": value}])
        return ask

    def _learn(self, message: ForwardMsg) -> None:
        element = message.delta.new_element
        name = element.slider.id.split("-", 2)[-1]  # after the hash
        if name in CONTROL:
            self.sliders[name] = element.slider.id
        component = element.bidi_component
        if component.component_name == LIVE:
            self.component = component.id
        if component.component_name == SWEEP:
            self.sweeper = component.id
        for one in {element.slider.id, component.id} - {""}:
            self.fragments[one] = message.delta.fragment_id

    async def _ask(
        self, ask: BackMsg, look: Callable[[ForwardMsg], None] | None = None, sweeps: int | None = None
    ) -> None:
        """Say something, and read until the end of the answer; the answer to what was said before may come first.

        With ``sweeps`` the answer is so many-th sweep.
        """
        await self.socket.write_message(ask.SerializeToString(), binary=True)
        answered = False
        while True:
            raw = await self.socket.read_message()
            if raw is None:
                raise RuntimeError("the server has closed the connection")
            if len(raw) > SHORT and look is None and sweeps is None:
                continue
            message = ForwardMsg()
            message.ParseFromString(raw)
            if look:
                look(message)
            component = message.delta.new_element.bidi_component
            if component.component_name == SWEEP:
                self.swept += 1
            if component.component_name == LIVE:
                self.known = json.loads(component.mixed.json or component.json)
                answered = sweeps is None and self.known["moves"] >= self.moves
            answered |= sweeps is not None and self.swept >= sweeps
            if message.WhichOneof("type") == "script_finished":
                if message.script_finished in FAILURES:
                    raise RuntimeError("the page has failed")
                if answered and message.script_finished in ENDS:
                    return
