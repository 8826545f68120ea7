"""A process that logs until it is killed: ``python writes.py DIRECTORY [BYTES]`` prints each id that ``take`` has taken.

With BYTES, no file of the process may become larger, as on a full disk.
"""

from __future__ import annotations

import itertools
import resource
import sys
import time
from pathlib import Path

from serving.experiments.log.config import LogConfig
from serving.experiments.log.log import PredictionLog
from tests.serving.experiments.log.logged import choice, outcome


def main(directory: str, most: str = "") -> None:
    if most:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(most), int(most)))
    log = PredictionLog(LogConfig(), Path(directory))
    for number in itertools.count():
        log.take([(choice(), outcome(f"{sys.argv[0][-1]}-{number}-{part}")) for part in range(3)])
        print(number, sum(log.written.values()), log.dropped["disk"], flush=True)
        time.sleep(0.005)


if __name__ == "__main__":
    main(*sys.argv[1:])
