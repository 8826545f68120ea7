"""Loads versions for the manager: session, batching parameters and warmup, all or nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from serving.server.config import text_configs
from serving.server.config.batching_parameters import BatchingParameters
from serving.server.config.options import Options
from serving.server.loading.warmup import warm_up
from serving.server.status import Code, ServingError

if TYPE_CHECKING:
    from serving.server.config.session_settings import SessionSettings
    from serving.server.engine.servable import Servable
    from serving.server.metrics import Metrics

PER_MODEL_FILE: Final = "batching_params.pbtxt"


class VersionLoader:
    """Loads versions that are ready to serve.

    Args:
        options: The server's options.
        settings: The sessions' settings.
        metrics: Counts loads and warmups.
    """

    def __init__(self, options: Options, settings: SessionSettings, metrics: Metrics) -> None:
        self._options = options
        self._settings = settings
        self._metrics = metrics

    def __call__(self, name: str, version: int, path: Path) -> Servable:
        """Returns the loaded and warmed-up version.

        Raises:
            ServingError: It cannot be loaded, its batching parameters are wrong, or a warmup request failed.
        """
        from serving.server.engine.servable import Servable

        # All files are read from one place, even if the directory is a link that is changed meanwhile.
        directory = Path(os.path.realpath(path))
        batching = self._batching(directory)
        began = time.perf_counter()
        try:
            servable = Servable.load(name, version, directory, self._settings)
        except ServingError as error:
            self._metrics.load_attempt(str(path), error.code, _microseconds(began))
            raise
        self._metrics.load_attempt(str(path), Code.OK, _microseconds(began))
        try:
            servable.batching = batching
            self._warm_up(servable, directory, str(path))
        except BaseException:
            servable.close()
            raise
        return servable

    def _batching(self, path: Path) -> BatchingParameters | None:
        parameters = self._options.batching
        if parameters is not None and self._options.enable_per_model_batching_parameters:
            file = path / PER_MODEL_FILE
            if not file.is_file():
                return None
            parameters = text_configs.batching_parameters(text_configs.read_text(str(file)), str(file))
        if parameters is not None:
            parameters.check()
        return parameters

    def _warm_up(self, servable: Servable, directory: Path, path: str) -> None:
        if not self._options.enable_model_warmup:
            return
        began = time.perf_counter()
        try:
            count = warm_up(servable, directory, self._options.num_request_iterations_for_warmup)
        except ServingError as error:
            self._metrics.warmup(path, error.code, _microseconds(began), 0)
            raise
        if count:
            self._metrics.warmup(path, Code.OK, _microseconds(began), count)


def _microseconds(began: float) -> float:
    return (time.perf_counter() - began) * 1e6


def session_settings(options: Options) -> SessionSettings:
    """Returns the session settings for the options; reads the session config file.

    Raises:
        ServingError: The session config file cannot be read or parsed.
    """
    from serving.server.config.session_settings import SessionSettings

    return SessionSettings(
        tags=options.tags,
        intra_op_threads=options.intra_op_threads,
        inter_op_threads=options.inter_op_threads,
        config=_session_config(options.tensorflow_session_config_file),
        gpu_memory_fraction=options.per_process_gpu_memory_fraction,
        runs=2 * options.session_threads,  # Half of them may be told to stop and not have done so yet.
    )


def _session_config(path: str) -> bytes:
    if not path:
        return b""
    text = text_configs.read_text(path)
    from tensorflow.core.protobuf import config_pb2

    return bytes(text_configs.parse_text(text, config_pb2.ConfigProto(), path).SerializeToString())
