"""Programs that do not outlive the process which started them, on Linux.

The kernel is asked to send a signal when the parent ends, by whatever signal; then the program replaces this
process, and the request stays. This file is run by its path in a bare interpreter, so it imports nothing of ours.
"""

from __future__ import annotations

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tethered(command: list[str], sent: signal.Signals) -> list[str]:
    """Returns the command line that runs a program tied to the calling process; outside Linux, the program's own.

    Args:
        command: The program, as a path, and its arguments.
        sent: The signal sent when the calling process has ended.
    """
    if sys.platform != "linux":
        return command
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(sent)), *command]


def main() -> None:
    """Ties this process to its parent and becomes the program."""
    import ctypes  # whoever only wants the command line waits for it in vain

    parent, sent, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, sent)
    if os.getppid() != parent:  # it ended before the request was made
        sys.exit(1)
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
