"""A router process: from the document of experiments to the drain."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from foundation.errors import PenstockError
from serving.experiments.document.models import BackendConfig, ExperimentsDocument
from serving.experiments.hosted import Hosted
from serving.memory import spare_loaded_objects
from serving.router.backends import Backend, Backends, Tls
from serving.router.options import RouterOptions
from serving.router.router import Router
from serving.server.ending import Ending
from serving.server.process import log_to_stderr, run_on_loop

if TYPE_CHECKING:
    from serving.experiments.live.live import Live

log = logging.getLogger(__name__)
_FOLLOW_SECONDS: Final = 0.25
_LOADED_SECONDS: Final = 5.0


def route(path: Path, options: RouterOptions, overrides: Sequence[str] = ()) -> None:
    """Runs a router until it is told to stop.

    Args:
        path: The document of experiments.
        options: The router's options.
        overrides: ``a.b=value`` options, laid over the document.

    Raises:
        PenstockError: The document, the state, a TLS file or a port is wrong.
    """
    log_to_stderr()
    run_on_loop(_run(path, options, overrides))


async def _run(path: Path, options: RouterOptions, overrides: Sequence[str]) -> None:
    ending = Ending(options.drain_seconds)
    ending.listen()
    hosted = await asyncio.to_thread(Hosted, path, [options.host], overrides, _Promoter)
    try:
        backends = backends_of(hosted.live.document, path.absolute().parent)
        router = Router(options, backends, hosted.live, hosted.control)
        try:
            await router.start()
            spare_loaded_objects()
            loop = asyncio.get_running_loop()
            # Once more with what the log and the state load in their threads.
            loop.call_later(_LOADED_SECONDS, spare_loaded_objects)
            ending.serving()
            following = loop.create_task(_follow(router, hosted, path))
            await ending.wait()
            following.cancel()
        finally:  # One port may be open when the other turns out to be taken.
            await router.stop()
    finally:
        await asyncio.to_thread(hosted.close)


class _Promoter:
    """Loads what promotes when it is asked: it has a client, which loads NumPy."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def promote(self, *given: Any, **more: Any) -> str:
        """Lets an arm answer everything; see ``HostedPromoter``."""
        from serving.promotion.hosted import promoter_of

        return promoter_of(self._live).promote(*given, **more)

    def rollback(self, *given: Any, **more: Any) -> str:
        """Lets control answer everything; see ``HostedPromoter``."""
        from serving.promotion.hosted import promoter_of

        return promoter_of(self._live).rollback(*given, **more)


async def _follow(router: Router, hosted: Hosted, path: Path) -> None:
    """Uses the backends of each new document."""
    document = hosted.live.document
    while True:
        await asyncio.sleep(_FOLLOW_SECONDS)
        if hosted.live.document is document:
            continue
        document = hosted.live.document
        try:
            router.use(backends_of(document, path.absolute().parent))
        except PenstockError as error:
            log.error("The backends stay as they are: %s", error)  # noqa: TRY400 - a line for the operator


def backends_of(document: ExperimentsDocument, folder: Path) -> Backends:
    """Returns the backends of a document.

    Args:
        document: The document.
        folder: The folder that its paths are relative to.

    Raises:
        SpecError: There is none.
    """
    return Backends({name: _backend(name, given, folder) for name, given in document.backends.items()})


def _backend(name: str, given: BackendConfig, folder: Path) -> Backend:
    tls = None
    if given.tls is not None:
        files = (given.tls.ca, given.tls.certificate, given.tls.key)
        ca, certificate, key = (str(folder / file) if file else "" for file in files)
        tls = Tls(ca, certificate, key, given.tls.name or "", given.tls.rest)
    return Backend(name, given.grpc or "", given.rest or "", tls, given.connections)
