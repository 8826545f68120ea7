"""The one error of set-up: it names the cause, what was expected, what was seen, and the remedy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


class Cause(Enum):
    """What failed."""

    DISK = "disk"
    PYTHON = "python"
    NETWORK = "network"
    GLIBC = "glibc"
    COMPILER = "compiler"
    HOST = "host"
    PACKAGES = "packages"


REMEDIES = {
    Cause.DISK: "free some space, or move the repository and UV_CACHE_DIR to a larger disk",
    Cause.PYTHON: "Debian, Ubuntu: apt-get install python3-venv python3-dev; or name another Python in PENSTOCK_PYTHON",
    Cause.NETWORK: (
        "check the connection; behind a proxy set HTTPS_PROXY and HTTP_PROXY, "
        "with a mirror set PIP_INDEX_URL (or UV_DEFAULT_INDEX), with an own certificate set SSL_CERT_FILE; "
        "then run the same command again: what was downloaded is kept"
    ),
    Cause.GLIBC: "use Ubuntu 24.04, Debian 13 or newer, or build the Dockerfile of this repository",
    Cause.COMPILER: "Debian, Ubuntu: apt-get install g++ and the -dev package of your Python, such as python3-dev",
    Cause.HOST: "see docs/install.md; run `make distclean` and set up again",
    Cause.PACKAGES: "read the log named above; `make distclean` and set up again if it stays unclear",
}
"""What to do when nothing better is known, by cause."""


@dataclass(eq=False, kw_only=True)
class SetupError(Exception):
    """Set-up cannot go on; as text, it is the message a person reads.

    Attributes:
        cause: What failed.
        subject: What it is about.
        expected: What set-up needs.
        seen: What is there instead.
        remedy: What the reader can do; that of the cause by default.
    """

    cause: Cause
    subject: str
    expected: str
    seen: str
    remedy: str = ""

    def __post_init__(self) -> None:
        self.remedy = self.remedy or REMEDIES[self.cause]

    def __str__(self) -> str:
        lines = [f"Set-up cannot go on. Cause: {self.cause.value}"]
        for name in ("subject", "expected", "seen", "remedy"):
            text = str(getattr(self, name)).strip().replace("\n", "\n" + " " * 12)
            lines.append(f"  {name + ':':<9} {text}")
        return "\n".join(lines)


_SIGNS = {
    Cause.DISK: r"No space left on device|os error 28|Disk quota exceeded|not enough free space",
    Cause.COMPILER: (
        r"command '[^']*(gcc|g\+\+|cc|clang)[^']*' failed|error: command .*(gcc|g\+\+|cc|clang)|Python\.h: No such file"
    ),
    # A mirror that answers 403, 407 or 5xx, a name that does not resolve, a proxy or certificate in the way.
    Cause.NETWORK: (
        r"could not resolve|temporary failure|name resolution|dns error|failed to look ?up|getaddrinfo"
        r"|connection (refused|reset|failed|timed out|aborted)|could not connect|unable to connect|cannot initiate"
        r"|timed? ?out|network is unreachable|no route to host|error sending request|failed to fetch"
        r"|request failed after|max retries|certificate|ssl error|tls|proxy"
        r"|\b(403|407|429|50[0234])\b.{0,40}(forbidden|error|unavailable|required|gateway|too many)"
        r"|no matching distribution found|newconnectionerror"
    ),
}
"""What a failed command prints, by cause; the first match counts: a full disk breaks connections too."""


def cause_of(output: str, otherwise: Cause) -> Cause:
    """Tells from a failed command's output what failed.

    Args:
        output: What the command printed.
        otherwise: The cause when the output names no known one.
    """
    return next((cause for cause, signs in _SIGNS.items() if re.search(signs, output, re.I)), otherwise)
