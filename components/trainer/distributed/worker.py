"""A process that takes part in a training on several devices; the chief writes its results."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.trainer.config import DevicesConfig
from foundation import progress
from foundation.errors import PenstockError, as_json


def main() -> int:
    """Trains by the arguments in a file, and leaves what it raised in another.

    The process ends without TensorFlow's own farewell, which waits for workers that may have left.
    """
    arguments, outcome = map(Path, sys.argv[1:3])
    logging.basicConfig(level=logging.INFO)
    try:
        _train(json.loads(arguments.read_text(encoding="utf-8")), outcome)
    except Exception as error:  # noqa: BLE001 - whatever it is, the log has it and the exit code says so
        traceback.print_exc()
        code = 1
        if isinstance(error, PenstockError):
            outcome.write_text(json.dumps(as_json(error)), encoding="utf-8")
            code = error.exit_code
    else:
        code = 0
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _train(wanted: Mapping[str, Any], outcome: Path) -> None:
    from components.trainer.distributed.strategy import check_same, make_strategy, wait_for_all

    strategy = make_strategy(DevicesConfig.model_validate(wanted["devices"]))

    from tfx.components.trainer.fn_args_utils import FnArgs

    from components.trainer.run_fn import train

    check_same(strategy, wanted["token"])
    chief = bool(strategy.extended.should_checkpoint)
    if chief:
        _tell(outcome.with_suffix(".progress"))
    train(FnArgs(**wanted["arguments"]), strategy, writes=chief)
    wait_for_all(strategy)


def _tell(file: Path) -> None:
    """Has what is reported in this process go to a file, for the process that started it."""

    def write(numbers: progress.Numbers) -> None:
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(dict(numbers)) + "\n")

    progress.use(write)
