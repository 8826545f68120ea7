"""How a forked process starts processes of its own: from the same zygote, and as a new Python where that is refused."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from foundation.processes.children import Child, start_python
from pipeline.runners.zygote.connect import connect
from pipeline.runners.zygote.fingerprint import relevant
from pipeline.runners.zygote.forked import Forked, fork_like_this
from pipeline.runners.zygote.place import NoZygoteError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ForkedStarter:
    """Starts processes of ours by forking; see ``foundation.processes.children.start``.

    Attributes:
        socket: Where the zygote listens.
    """

    socket: Path

    def __call__(
        self, target: str, arguments: Sequence[str], *, output: Path, environment: Mapping[str, str]
    ) -> Child:
        """Starts a process."""
        if changed := relevant(environment):
            log.info("%s is started as a new Python: it sets %s", target, ", ".join(changed))
            return start_python(target, arguments, output=output, environment=environment)
        variables = {**os.environ, **environment}
        with output.open("wb") as file:
            fork = fork_like_this(target, arguments, [p for p in sys.path if p], environment=variables)
            try:
                return Forked(connect(self.socket), fork, [file.fileno()])
            except NoZygoteError as error:
                log.warning("%s is started as a new Python: the zygote: %s", target, error)
        return start_python(target, arguments, output=output, environment=environment)
