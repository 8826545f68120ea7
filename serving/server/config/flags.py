"""The command line, read like the real ``tensorflow_model_server``'s: ``--flag=value`` and nothing else."""

from __future__ import annotations

import logging
import math
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import Field, fields, replace
from typing import Any

from foundation.errors import near_miss
from serving.server.config import experiments, text_configs, tls
from serving.server.config.batching_parameters import BatchingParameters
from serving.server.config.model_config import ServerConfig, parse_config, single_model
from serving.server.config.options import Level, Options
from serving.server.status import Code, ServingError

log = logging.getLogger(__name__)
_INTEGER = re.compile(r"[ \t\n\v\f\r]*[+-]?[0-9]+")
_FLAGS: dict[str, Field[Any]] = {entry.name: entry for entry in fields(Options) if "level" in entry.metadata}


class FlagError(Exception):
    """A flag's value cannot be read; the server prints its usage and exits with 255."""


def parse(arguments: Sequence[str]) -> tuple[Options, list[str]]:
    """Reads the command line; if a flag is repeated, the last one wins.

    Args:
        arguments: The arguments after the program's name.

    Returns:
        The options, and the unknown arguments (the server warns about them and continues).

    Raises:
        FlagError: A value does not fit its flag.
    """
    values: dict[str, Any] = {}
    unknown: list[str] = []
    for argument in arguments:
        name, separator, text = argument.removeprefix("--").partition("=")
        flag = _FLAGS.get(name) if argument.startswith("--") else None
        if flag is None or (not separator and flag.type != "bool"):
            unknown.append(argument)
            continue
        try:
            values[name] = _value(flag, text) if separator else True
        except ValueError as error:
            raise FlagError(f"Couldn't interpret value {text} for flag {name}.") from error
    return Options(**values), unknown


def usage(program: str) -> str:
    """Returns a line for every flag, as the real server prints them."""
    width = max(len(name) for name in _FLAGS) + 24
    lines = [f"usage: {program}", "Flags:"]
    for name, flag in _FLAGS.items():
        default = str(flag.default).lower() if flag.type == "bool" else repr(flag.default).replace("'", '"')
        whole = "int64" if flag.metadata["wide"] else "int32"
        kind = {"str": "string", "int": whole}.get(str(flag.type), str(flag.type))
        note = " [beyond TF Serving]" if flag.metadata["level"] is Level.EXTENSION else ""
        lines.append(f"\t{f'--{name}={default}':<{width}}\t{kind}\t{flag.metadata['help']}{note}")
    return "\n".join(lines) + "\n"


def unknown_argument(argument: str) -> str:
    """Returns the warning about an unknown argument, with the nearest flag or the missing ``=``."""
    name = argument.removeprefix("--").partition("=")[0]
    if name in _FLAGS:
        return f"unknown argument: {argument} (this flag is written --{name}=VALUE)"
    hint = near_miss(name, list(_FLAGS))
    return f"unknown argument: {argument}" + (f" ({hint})" if hint else "")


def ignored_flags(options: Options) -> list[str]:
    """Returns the flags that are set but have no effect here."""
    return [
        name
        for name, flag in _FLAGS.items()
        if flag.metadata["level"] is Level.IGNORE and getattr(options, name) != flag.default
    ]


def check(options: Options) -> Options:
    """Refuses unusable options, reads the files that flags name and returns the options with their contents.

    Raises:
        ServingError: The reason why the server does not start.
    """
    _refuse_unsupported(options)
    _refuse_contradictions(options)
    if options.model_config_file:
        config: ServerConfig = parse_config(
            text_configs.read_text(options.model_config_file), options.model_config_file
        )
    else:
        config = single_model(options.model_name, options.model_base_path)
    if options.experiments:
        document = experiments.check(options.experiments)
        if not options.model_config_file:
            config = experiments.with_versions(config, document)
        if not options.http_port:
            log.warning("--experiments without --rest_api_port: no rewards and no control by HTTP")
    ssl = _read(options.ssl_config_file, text_configs.ssl_config)
    if ssl is not None:
        tls.check(ssl)
    return replace(
        options,
        model_config=config,
        batching=_batching(options),
        ssl=ssl,
        monitoring_path=_read(options.monitoring_config_file, text_configs.monitoring_path),
    )


def _refuse_unsupported(options: Options) -> None:
    if options.use_alts_credentials and options.ssl_config_file:
        raise _invalid("Only one of use_alts_credentials and ssl_config_file can be set.")
    for name, flag in _FLAGS.items():
        if flag.metadata["level"] is Level.REFUSE and getattr(options, name) != flag.default:
            raise ServingError(Code.UNIMPLEMENTED, f"--{name} is not supported by this server; leave it out.")


def _refuse_contradictions(options: Options) -> None:
    if options.port == 0 and not options.grpc_socket_path:
        raise _invalid(
            "At least one of server_options.grpc_port or server_options.grpc_socket_path must be set."
        )
    for name in ("port", "rest_api_port"):
        if not 0 <= getattr(options, name) <= 65535:
            raise _invalid(f"--{name} must be a TCP port, 0 to 65535; was {getattr(options, name)}.")
    if not options.model_base_path and not options.model_config_file:
        raise _invalid(
            "Both server_options.model_base_path and server_options.model_config_file are empty! "
            "Set --model_base_path to the directory that holds the numeric version directories, "
            "or --model_config_file."
        )
    if options.batching_parameters_file and not options.enable_batching:
        raise _invalid(
            "server_options.batching_parameters_file is set without setting server_options.enable_batching to true."
        )
    if options.grpc_front not in ("own", "aio"):
        raise _invalid(f"--grpc_front must be own or aio; was {options.grpc_front}.")
    if options.worker_processes < 1:
        raise _invalid(f"--worker_processes must be at least 1; was {options.worker_processes}.")
    if options.worker_processes > 1:
        _refuse_for_workers(options)
    parallelism = (options.tensorflow_intra_op_parallelism, options.tensorflow_inter_op_parallelism)
    if min(*parallelism, options.tensorflow_session_parallelism) > 0:
        raise _invalid(
            "Either configure server_options.tensorflow_session_parallelism or "
            "(server_options.tensorflow_intra_op_parallelism, server_options.tensorflow_inter_op_parallelism) "
            "separately. You cannot configure all."
        )
    for text in options.grpc_channel_arguments.split(","):
        if text and "=" not in text:
            raise _invalid(f"--grpc_channel_arguments: expected key=value, seen: {text}.")


def _refuse_for_workers(options: Options) -> None:
    if sys.platform != "linux":  # Elsewhere SO_REUSEPORT is missing or gives all connections to one process.
        raise ServingError(Code.UNIMPLEMENTED, "--worker_processes needs Linux.")
    if options.grpc_socket_path:
        raise _invalid("--worker_processes shares TCP ports only; leave --grpc_socket_path out.")


def _batching(options: Options) -> BatchingParameters | None:
    if not options.enable_batching:
        return None
    if not options.batching_parameters_file:
        return BatchingParameters(thread_pool_name="model_server_batch_threads")
    return _read(options.batching_parameters_file, text_configs.batching_parameters)


def _read(path: str, parse_file: Callable[[str, str], Any]) -> Any:
    return parse_file(text_configs.read_text(path), path) if path else None


def _invalid(text: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, text)


def _value(flag: Field[Any], text: str) -> Any:
    if flag.type == "bool":
        return _boolean(text)
    if flag.type == "float":
        return _number(text)
    if flag.type == "int":
        return _integer(text, 63 if flag.metadata["wide"] else 31)
    return text


def _boolean(text: str) -> bool:
    known = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in known:
        raise ValueError(text)
    return known[text.lower()]


def _number(text: str) -> float:
    number = float(text)
    if "_" in text or not math.isfinite(number):
        raise ValueError(text)
    return number


def _integer(text: str, bits: int) -> int:
    if not _INTEGER.fullmatch(text) or not -(2**bits) <= int(text) < 2**bits:
        raise ValueError(text)
    return int(text)
