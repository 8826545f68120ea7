"""Who may use the endpoints of experiments: a token for each role, or, without tokens, programs of this machine only."""

from __future__ import annotations

import hmac
import ipaddress
import os
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from foundation.errors import SpecError
from serving.experiments.control.answers import RefusedError
from serving.experiments.control.config import SHORTEST_TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serving.experiments.control.config import TokensConfig

Headers = list[tuple[bytes, bytes]]
_SCHEME: Final = b"bearer "


class Role(StrEnum):
    """What a token is for."""

    REWARD = "reward"
    CONTROL = "control"


class Access:
    """The rule for one process.

    Args:
        tokens: Which environment variables hold the tokens.
        hosts: The addresses that the process listens on.
        environment: The environment; None means the process's own.

    Raises:
        SpecError: A variable is missing or its token is short, or a role has no token on an address that others reach.
    """

    def __init__(
        self, tokens: TokensConfig, hosts: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        variables = {Role.REWARD: tokens.reward, Role.CONTROL: tokens.control}
        found = os.environ if environment is None else environment
        self._tokens = {role: _token(name, role, found) for role, name in variables.items() if name}
        outside = [host for host in hosts if not is_loopback(host)]
        missing = [role.value for role in Role if role not in self._tokens]
        if outside and missing:
            raise SpecError(
                f"tokens: {' and '.join(missing)}",
                expected=f"a token for each, as others reach {outside[0]}",
                seen="none",
                remedy=f"add tokens: {{{', '.join(f'{role}: NAME_OF_ENVIRONMENT_VARIABLE' for role in missing)}}}, "
                "or listen on 127.0.0.1",
            )

    def __repr__(self) -> str:
        return f"Access({', '.join(self._tokens) or 'loopback only'})"

    def check(self, role: Role, headers: Headers) -> None:
        """Checks that a caller may do what the role does.

        Raises:
            RefusedError: It may not: 401 without a token that is known, 403 with that of the other role, or from a web
                page of somebody else.
        """
        wanted = self._tokens.get(role)
        if wanted is None:
            _check_local(headers)
            return
        given = _bearer(headers)
        # Every token is compared, so that the time tells nothing.
        matches = {known: hmac.compare_digest(given, token) for known, token in self._tokens.items()}
        if matches[role]:
            return
        challenge = b'WWW-Authenticate: Bearer realm="penstock experiments"\r\n'
        expected, remedy = f"the token for {role.value}", "send Authorization: Bearer TOKEN"
        if any(matches.values()):
            raise RefusedError(403, "token", expected=expected, seen="that of another role")
        seen = "another one" if given else "none"
        raise RefusedError(401, "token", expected=expected, seen=seen, remedy=remedy, headers=challenge)


def _token(variable: str, role: Role, environment: Mapping[str, str]) -> bytes:
    token = environment.get(variable, "").strip()
    if len(token) < SHORTEST_TOKEN:
        raise SpecError(
            f"tokens: {role.value}",
            expected=f"a token of at least {SHORTEST_TOKEN} characters in the environment variable {variable}",
            seen="a shorter one" if token else "no such variable",
            remedy=f"export {variable}, made once with: openssl rand -hex 32",
        )
    return token.encode("utf-8", "surrogateescape")


def _bearer(headers: Headers) -> bytes:
    given = [value for name, value in headers if name == b"authorization"]
    if len(given) != 1 or given[0][: len(_SCHEME)].lower() != _SCHEME:
        return b""
    return given[0][len(_SCHEME) :].strip()


def is_loopback(host: str) -> bool:
    """Returns whether an address is reached from this machine only."""
    if host.lower().rstrip(".") == "localhost" or host.lower().rstrip(".").endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _name(host: str) -> str:
    """Returns a Host header without its port; empty if it is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _check_local(headers: Headers) -> None:
    """Refuses what a browser sends on behalf of a page of another origin, or of a name that was bent to this machine."""
    fields = dict(headers)
    host, origin = fields.get(b"host", b"").decode("latin-1"), fields.get(b"origin")
    if host and not is_loopback(_name(host)):
        raise RefusedError(
            403,
            "host",
            expected="a loopback address such as 127.0.0.1, as no token is set",
            seen=f"{host:.80}",
            remedy="ask 127.0.0.1, or set tokens in the document",
        )
    if origin is not None and origin.decode("latin-1") not in (f"http://{host}", f"https://{host}"):
        raise RefusedError(
            403,
            "origin",
            expected=f"http://{host}",
            seen=f"{origin.decode('latin-1'):.80}",
            remedy="set tokens in the document, and send one",
        )
