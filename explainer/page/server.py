"""What stands between the network and Streamlit: who may connect, what is answered, and what an answer says of itself.

No request of a client makes this server ask another one, and none stops it for others.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

Headers = list[tuple[bytes, bytes]]

_LOGGER = logging.getLogger(__name__)

THIS_MACHINE = ("localhost", "127.0.0.1", "0.0.0.0")  # Streamlit takes a WebSocket from these too
PRIVATE = "/_stcore/metrics"  # memory and sessions of the process, which are nobody's business
HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",  # a site that a reader goes to need not know the state of the page
}

STYLESHEETS = tuple(Path(__file__).with_name(name) for name in ("page.css", "lesson.css", "devices.css"))
STYLE = "<style>\n{}</style>".format("\n".join(one.read_text(encoding="utf-8") for one in STYLESHEETS))
_FRAME = Path(__file__).with_name("frame.js").read_text(encoding="utf-8")
# What a run of the page brings comes late: the first words would have no style. And as soon as Streamlit's own scripts
# draw a heading that the address names, they scroll there, around a frame as well.
END, EARLY = (
    b"</body>",
    f"{STYLE}<script>(() => {{\n{_FRAME}}})();</script>".encode(),
)
STYLED = b"x-style-in-document"  # a header of the WebSocket of a document that got the style from here

POLICY_VIOLATION, UNSUPPORTED_DATA, PROTOCOL_ERROR = 1008, 1003, 1002  # codes with which a WebSocket is closed


class Guard:
    """ASGI middleware around Streamlit's own application.

    Streamlit looks at the ``Origin`` of a WebSocket as well. It then asks hosts on the internet for the server's own
    address, and everybody waits meanwhile. So what comes from elsewhere is refused here, before Streamlit sees it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        begin, body = None, b""

        async def send_with_headers(message: Message) -> None:
            nonlocal begin, body
            if message["type"] == "http.response.start":
                sent = [(name, value) for name, value in message.get("headers", ()) if name.lower() not in HEADERS]
                message = message | {"headers": [*sent, *HEADERS.items()]}
                if scope["method"] == "GET" and _is_document(message):
                    begin = message
                    return
            elif begin and message["type"] == "http.response.body":
                body += message.get("body", b"")
                if message.get("more_body"):
                    return
                whole = body.replace(END, EARLY + END, 1)
                await send(begin | {"headers": _of_length(begin["headers"], len(whole))})
                message = {"type": "http.response.body", "body": whole}
            await send(message)

        if scope["path"].rstrip("/").endswith(PRIVATE):
            await send_with_headers({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body"})
            return
        await self._app(scope, receive, send_with_headers)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin, host = _header(scope, b"origin"), _header(scope, b"host")
        if origin is not None and not is_taken(origin, host, st.get_option):
            _LOGGER.warning("Refused a WebSocket of the origin %.200r: the Host header is %.200r.", origin, host)
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
        # Streamlit takes a WebSocket without an origin, and so does not ask whose it is.
        headers = [(name, value) for name, value in scope["headers"] if name != b"origin"]
        if origin is not None and urlsplit(origin).netloc == host:
            headers = [*scope["headers"]]
        await self._app(scope | {"headers": [*headers, (STYLED, b"1")]}, *_of_messages_alone(receive, send))


def has_styled() -> bool:
    """Whether the document of the reader whose script runs got the style sheet from :class:`Guard`."""
    return STYLED.decode() in st.context.headers


def _is_document(start: Message) -> bool:
    """Whether an answer that begins like this is Streamlit's page, as it stands."""
    headers = dict(start["headers"])
    is_plain = b"content-encoding" not in headers
    return start["status"] == 200 and is_plain and headers.get(b"content-type", b"").startswith(b"text/html")


def _of_length(headers: Headers, length: int) -> Headers:
    """The headers of an answer that is so many bytes now, which no longer is the file that they tell of."""
    of_the_file = (b"content-length", b"accept-ranges", b"etag", b"last-modified")
    return [*((name, value) for name, value in headers if name not in of_the_file), (b"content-length", b"%d" % length)]


def is_taken(origin: str, host: str | None, option: Callable[[str], Any]) -> bool:
    """Whether a WebSocket may come from a page at this origin.

    Args:
        origin: as the browser says it, such as ``https://lesson.example:8443``.
        host: the request's ``Host`` header.
        option: gives the value of an option of Streamlit by its name.
    """
    if not option("server.enableCORS"):
        return True
    try:
        place = urlsplit(origin)
        name = place.hostname
    except ValueError:
        return False
    if not name:  # of a sandboxed frame, for example: "null"
        return False
    allowed = {_name(one.strip()) for one in option("server.corsAllowedOrigins")}
    return place.netloc == host or name in {*THIS_MACHINE, _name(option("browser.serverAddress") or ""), *allowed}


def _name(address: str) -> str | None:
    """The name in an origin, or in an address without a scheme; None if there is none."""
    try:
        return urlsplit(address if "//" in address else f"//{address}").hostname
    except ValueError:
        return None


def _header(scope: Scope, name: bytes) -> str | None:
    return next((value.decode("latin-1") for one, value in scope["headers"] if one == name), None)


def _of_messages_alone(receive: Receive, send: Send) -> tuple[Receive, Send]:
    """The two ways of a WebSocket on which nothing goes to Streamlit but its own messages.

    Anything else ends the connection. Streamlit would end it too, with a traceback in the log for each.
    """
    is_closed = False

    async def received() -> Message:
        nonlocal is_closed
        message = await receive()
        if message["type"] != "websocket.receive" or (code := _fault(message)) is None:
            return message
        is_closed = True
        await send({"type": "websocket.close", "code": code})
        return {"type": "websocket.disconnect", "code": code}

    async def sent(message: Message) -> None:
        if not is_closed:
            await send(message)

    return received, sent


def _fault(message: Message) -> int | None:
    """The code with which to close a WebSocket that sends this; None for a message of Streamlit."""
    frame = message.get("bytes")
    if frame is None:
        return UNSUPPORTED_DATA
    try:
        BackMsg.FromString(frame)
    except Exception:  # noqa: BLE001  the kind stands in a package of Streamlit's own
        return PROTOCOL_ERROR
    return None


MIDDLEWARE = (Middleware(Guard),)
