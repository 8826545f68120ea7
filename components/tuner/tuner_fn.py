"""Tuner's ``tuner_fn``: the search over the train and the validation split, never the test split."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.components.tuner.component import TunerFnResult

from components.trainer.settings import TrainingSettings
from components.tuner.config import NOT_SEARCHED, TuneConfig
from components.tuner.oracles import make_oracle
from components.tuner.space import Space
from components.tuner.training import TrialTraining
from components.tuner.trials import TrialSearch
from components.tuner.workers.jobs import Fitter, InProcess
from components.tuner.workers.pool import Pool
from components.tuner.workers.width import Width, cores

_BLOCK = 1 << 22


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """Makes the search; the same search resumes, changed settings or data start a new one.

    Args:
        fn_args: TFX's arguments; ``custom_config`` comes from ``make_tuner``.
    """
    config = fn_args.custom_config
    tune = TuneConfig.model_validate(config["tune"])
    settings = TrainingSettings.from_custom_config(config)
    files = [*fn_args.train_files, *fn_args.eval_files]
    folder = Path(config["work_dir"]) / fingerprint(
        config, [*files, f"{fn_args.transform_graph_path}/transform_fn/*.pb"]
    )
    arguments = {
        "config": config,
        "graph": fn_args.transform_graph_path,
        "train_files": fn_args.train_files,
        "eval_files": fn_args.eval_files,
    }
    trials, width = TrialTraining(**arguments), Width.of(tune, cores())
    if width.processes > 1:
        fitter: Fitter = Pool(width, arguments, folder / "workers")
    else:
        trials.load()
        fitter = InProcess(trials.train)
    oracle = make_oracle(tune, Space.of(tune.search, settings.model))
    search = TrialSearch(oracle, fitter, trials.rehearse, folder, tune, width.pending)
    return TunerFnResult(tuner=search, fit_kwargs={})


def fingerprint(config: Mapping[str, Any], patterns: Sequence[str]) -> str:
    """Returns the name of a search, derived from its settings and data but not its limits.

    ``trials`` and ``minutes`` are ignored so that a search can be given more of them and resumed, ``side_by_side`` so that it can
    be resumed on a machine with other cores.

    Args:
        config: The component's ``custom_config``.
        patterns: File patterns of the data; each file counts with all its bytes.
    """
    tune = {key: value for key, value in config["tune"].items() if key not in NOT_SEARCHED}
    settings = {key: value for key, value in config.items() if key != "work_dir"}
    digest = hashlib.sha256(json.dumps({**settings, "tune": tune}, sort_keys=True).encode())
    for pattern in patterns:
        for file in sorted(tf.io.gfile.glob(pattern)):
            with tf.io.gfile.GFile(file, "rb") as opened:
                digest.update(f"{Path(file).name} {opened.size()}".encode())
                while block := opened.read(_BLOCK):
                    digest.update(block)
    return f"search_{digest.hexdigest()[:16]}"
