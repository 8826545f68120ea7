"""A router process: from the document of experiments to the drain."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from serving.experiments.document.models import BackendConfig, ExperimentsDocument
from serving.experiments.hosted import Hosted
from serving.promotion.hosted import promoter_of
from serving.router.backends import Backend, Backends, Tls
from serving.router.options import RouterOptions
from serving.router.router import Router
from serving.server.ending import Ending
from serving.server.process import log_to_stderr, run_on_loop

log = logging.getLogger(__name__)


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
    hosted = await asyncio.to_thread(Hosted, path, [options.host], overrides, promoter_of)
    try:
        backends = backends_of(hosted.live.document, path.absolute().parent)
        router = Router(options, backends, hosted.live, hosted.control)
        await router.start()
        ending.serving()
        await ending.wait()
        await router.stop()
    finally:
        await asyncio.to_thread(hosted.close)


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
    return Backend(name, given.grpc or "", given.rest or "", tls)
