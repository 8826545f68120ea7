"""Entry point of the command ``penstock``.

Exit codes: 0 done; 1 any other error; 2 the document or the command line; 3 the data (an anomaly, an export, a schema);
4 your own code; 5 a node failed; 6 another run holds the pipeline; 7 a path or a disk; 8 ML Metadata; 70 an
internal error; 130 ended by Ctrl-C.
"""

from __future__ import annotations

import copy
import gc
import io
import sys
import traceback
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException
from typer.main import get_command_name, get_group

from foundation.errors import PenstockError
from pipeline.cli import (
    announce,
    clean,
    deploy,
    experiment,
    export,
    history,
    look,
    metadata,
    models,
    node,
    project,
    route,
    run,
    schema,
    serve,
    test,
    train_worker,
    watch,
)
from pipeline.cli import (
    compile as compiling,
)
from pipeline.cli.screen import say_error
from pipeline.task.signals import Terminated

app = typer.Typer(
    name="penstock",
    help="From a MongoDB export to an evaluated, pushed, traceable model: one document, one command.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (
    project,
    look,
    run,
    node,
    compiling,
    watch,
    history,
    models,
    serve,
    route,
    deploy,
    clean,
    train_worker,
):
    group.register(app)
app.add_typer(export.app, name="export")
app.add_typer(announce.app, name="announce")
app.add_typer(schema.app, name="schema")
app.add_typer(metadata.app, name="metadata")
app.add_typer(test.app, name="test")
app.add_typer(experiment.app, name="experiment")


ENDED_BY_CTRL_C = 130
_GARBAGE_AFTER = 100_000
"""New objects after which Python looks for garbage; at its 700, the imports of a command are searched a hundred times for none."""
_SERVERS = frozenset({"serve", "route"})
"""Commands that answer requests: there, one long search in place of many short ones would be felt."""
_OF_SERVING = (
    "tensorflow",
    "tensorflow_serving",
    "grpc",
    "grpc_health",
    "hpack",
    "httptools",
    "prometheus_client",
    "uvloop",
    "google_crc32c",
    "numpy",
)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and exits with its code; errors are one line, more with ``--debug``."""
    given = sys.argv[1:] if arguments is None else arguments
    if arguments is None and not _SERVERS.intersection(given[:1]):
        gc.set_threshold(_GARBAGE_AFTER)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a sign that a terminal has not must not end a run
    debug = "--debug" in given
    code = _run([a for a in given if a != "--debug"] or ["--help"], debug)
    sys.stdout.flush()
    if arguments is None:
        sys.exit(code)
    return code


def _run(arguments: list[str], debug: bool) -> int:
    try:
        command = get_group(narrowed(app, arguments))
        result = command(args=arguments, prog_name="penstock", standalone_mode=False)
        if result == ENDED_BY_CTRL_C:  # typer has caught the KeyboardInterrupt
            raise KeyboardInterrupt
        return result if isinstance(result, int) else 0
    except PenstockError as error:
        say_error(str(error))
        if debug:
            sys.stderr.write(getattr(error, "trace", "") or "".join(traceback.format_exception(error)))
        return error.exit_code
    except Terminated as error:
        say_error(str(error))
        return error.code
    except (typer.Abort, KeyboardInterrupt):
        resumes = "; 'penstock run' resumes from here" if arguments[0] == "run" else ""
        say_error(f"ended by Ctrl-C, everything was closed{resumes}")
        return ENDED_BY_CTRL_C
    except TyperException as error:
        say_error(_usage(error))
        return 2
    except BrokenPipeError:
        return 0
    except Exception as error:  # noqa: BLE001 - the last resort: one line and an exit code
        if debug:
            traceback.print_exc()
        if isinstance(error, ModuleNotFoundError) and (remedy := _missing(error)):
            say_error(remedy)
            return 1
        say_error(
            f"internal error: {type(error).__name__}: {error}; remedy: run again with --debug and report it"
        )
        return 70


def narrowed(commands: typer.Typer, arguments: Sequence[str]) -> typer.Typer:
    """Returns only the command that is asked for; all, where it is none of them: to build 40 takes longer than to run one.

    Args:
        commands: All commands.
        arguments: The command line.
    """
    name = arguments[0] if arguments else ""
    found = copy.copy(commands)
    found.registered_commands = [
        one
        for one in commands.registered_commands
        if (one.name or get_command_name(getattr(one.callback, "__name__", ""))) == name
    ]
    found.registered_groups = []
    for group in commands.registered_groups:
        if group.name == name and group.typer_instance:
            found.registered_groups.append(copy.copy(group))
            found.registered_groups[-1].typer_instance = narrowed(group.typer_instance, arguments[1:])
    return found if found.registered_commands or found.registered_groups else commands


def _missing(error: ModuleNotFoundError) -> str | None:
    """Returns a message naming the extra with a missing package; None for one of Penstock's own modules."""
    package = (error.name or "").partition(".")[0]
    if package in ("", "foundation", "pipeline", "components", "serving"):
        return None
    extra = "serving" if package in _OF_SERVING else "pipeline"
    return f"this command needs {package}, which is not installed; remedy: pip install 'penstock[{extra}]'"


def _usage(error: TyperException) -> str:
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    return f"{message.rstrip('.')}; remedy: penstock COMMAND --help"


if __name__ == "__main__":
    main()
