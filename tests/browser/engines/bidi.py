"""WebDriver BiDi, the protocol by which a browser is driven over a WebSocket, as far as the checks need it."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from websockets.sync.client import connect

from tests.browser.engines.engine import PATIENCE_SECONDS


class RefusedError(Exception):
    """The browser did not do it."""


class Session:
    """One session of a browser that listens at this address, ``ws://127.0.0.1:4444``.

    Attributes:
        events: what the browser has told by itself, of the kinds subscribed to.
    """

    def __init__(self, address: str) -> None:
        self._open = contextlib.ExitStack()
        self._socket = self._open.enter_context(
            connect(
                f"{address}/session", max_size=None, open_timeout=PATIENCE_SECONDS, ping_interval=None, compression=None
            )
        )
        self._count = 0
        self.events: list[dict] = []
        self.send("session.new", capabilities={})

    def send(self, command: str, **parameters: Any) -> dict:
        """The result of a command.

        Raises:
            RefusedError: where the browser answers with an error.
        """
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": command, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(PATIENCE_SECONDS))
            if message["type"] == "event":
                self.events.append(message)
            elif message["id"] == self._count:
                if message["type"] == "error":
                    raise RefusedError(f"{command}: {message['error']}: {message['message']}")
                return message["result"]

    def evaluate(self, context: str, expression: str) -> dict:
        """The value of an expression in a tab, a frame or a window of the browser, as BiDi describes it."""
        target = {"context": context}
        answer = self.send("script.evaluate", expression=expression, target=target, awaitPromise=False)
        if answer["type"] == "exception":
            raise RefusedError(answer["exceptionDetails"]["text"])
        return answer["result"]

    def close(self) -> None:
        self._open.close()
