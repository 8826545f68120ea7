"""Serves the page under ``/experiments``."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from serving.experiments.control.access import Role
from serving.experiments.control.answers import RefusedError
from serving.experiments.page.build import view_of, views
from serving.experiments.page.render import render_experiment, render_index
from serving.http.handler import Answer

if TYPE_CHECKING:
    from serving.experiments.control.access import Access, Headers
    from serving.experiments.control.handler import Control
    from serving.experiments.document.models import ExperimentsDocument
    from serving.experiments.state.store import Store

ROOT: Final = "/experiments"
_HTML: Final = b"text/html; charset=utf-8"
# Styles are inline; there is nothing else to load, and no other site may frame the page.
_GUARDED: Final = (
    b"Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    b"frame-ancestors 'none'; base-uri 'none'; form-action 'none'\r\n"
    b"X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCache-Control: no-store\r\n"
)
_ASK: Final = b'WWW-Authenticate: Basic realm="penstock experiments", charset="UTF-8"\r\n'


class Pages:
    """Answers requests for pages.

    Args:
        store: The state.
        document: Returns the document as it is now.
        access: Who may see them: those with the token for control. A browser asks for it as the password; the user's
            name does not matter.
    """

    def __init__(self, store: Store, document: Callable[[], ExperimentsDocument], access: Access) -> None:
        self._store, self._document, self._access = store, document, access

    def mount(self, control: Control) -> None:
        """Lets the endpoints answer the pages too."""
        control.mount(ROOT, self.answer, None)

    async def answer(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        """Answers a request; its caller is checked here, because browsers can send no bearer token."""
        try:
            self._access.check(Role.CONTROL, _as_bearer(headers))
        except RefusedError as error:
            if error.status == 401:
                error.headers = _ASK
            raise
        path = target.partition("?")[0]
        if method not in ("GET", "HEAD"):
            raise RefusedError(405, path, expected="GET", seen=method, headers=b"Allow: GET, HEAD\r\n")
        name = unquote(path[len(ROOT) :].strip("/"))
        page = await asyncio.to_thread(self._page, name)
        return Answer(200, page.encode(), _HTML, headers=_GUARDED)

    def _page(self, name: str) -> str:
        document = self._document()
        if name:
            return render_experiment(view_of(self._store, document, name))
        return render_index(views(self._store, document))


def _as_bearer(headers: Headers) -> Headers:
    """Returns the headers with a password of basic authentication as a bearer token."""
    return [(name, _token(value) if name == b"authorization" else value) for name, value in headers]


def _token(value: bytes) -> bytes:
    scheme, _, encoded = value.partition(b" ")
    if scheme.lower() != b"basic":
        return value
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        return b""
    return b"Bearer " + decoded.partition(b":")[2]
