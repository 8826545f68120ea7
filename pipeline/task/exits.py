"""Exit codes of a node's process: whether a scheduler may try it again."""

from __future__ import annotations

import signal
from pathlib import Path

from foundation.errors import NodeError, PenstockError

MAY_BE_RETRIED = 75
"""``EX_TEMPFAIL`` of ``sysexits.h``: the same again may end well."""
INTERNAL = 70
"""``EX_SOFTWARE``: an error of Penstock itself."""
TERMINATED = 128 + signal.SIGTERM
INTERRUPTED = 128 + signal.SIGINT

_CGROUP = Path("/sys/fs/cgroup/memory.events")


def code_of(error: PenstockError) -> int:
    """Returns the exit code for an error: its own, or that it may be retried."""
    return MAY_BE_RETRIED if error.may_pass else error.exit_code


def kills_for_memory() -> int:
    """Returns how many processes of this container the kernel has ended because memory ran out, 0 where it does not say."""
    try:
        lines = _CGROUP.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def death(node: str, exit_code: int | None, kills_before: int) -> NodeError:
    """Returns the error for a node whose process is gone.

    Args:
        node: Its id.
        exit_code: Exit code of the process, negative for a signal.
        kills_before: What ``kills_for_memory`` said when it started.
    """
    killed = exit_code == -signal.SIGKILL
    seen = f"exit code {exit_code}"
    if exit_code is not None and exit_code < 0:
        seen = f"ended by {signal.Signals(-exit_code).name}"
    if killed and kills_for_memory() > kills_before:
        seen += ", as memory ran out"
    elif killed:
        seen += ", which the kernel sends when memory runs out"
    more = f"production.nodes.{node}.resources.memory"
    remedy = (
        f"try again; if it happens again, give it more memory ({more})" if killed else "read the log above"
    )
    return NodeError(
        f"node {node}: its process", expected="to end by itself", seen=seen, remedy=remedy
    ).passing()
