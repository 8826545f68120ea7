"""Starts a program that does not outlive its parent, on Linux: ``python tether.py PARENT_PID PROGRAM ARGUMENTS…``.

The kernel is asked to kill this process when its parent ends, by whatever signal; then the program takes its place, and
that wish stays. Run by path in a bare interpreter, so it imports nothing of ours.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ties this process to its parent and becomes the program."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):  # it ended before the wish was heard
        sys.exit(1)
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
