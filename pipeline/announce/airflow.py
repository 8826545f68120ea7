"""Airflow's REST API v2, as far as news needs it: an asset by its name, its events, a new one, whether a DAG is paused."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from foundation.errors import PenstockError, SpecError

ADDRESS, TOKEN = "PENSTOCK_AIRFLOW", "PENSTOCK_AIRFLOW_TOKEN"
"""Environment variables: where Airflow's API server is, and the bearer token of its API."""
_SECONDS: Final = 30.0
_PAGE: Final = 100
"""Events asked for at a time: the most that Airflow gives by default."""
_LARGEST: Final = 16 * 2**20
"""Bytes of an answer that are read."""
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses after which the same again may end well."""
_QUEUED: Final = "try again once no run of the retraining DAG waits in Airflow's queue: until then 3.3 cannot list its events"
"""A queued run has no ``start_date``, and the answer, which names the runs that an event has started, must have one."""
_TOKEN_MEANS: Final = (
    "a valid token of a user who may read assets and DAGs, and create events of assets",
    f"get a new token from Airflow and export it as {TOKEN}; if that is refused, too, give its user these rights",
)
_ADDRESS_MEANS: Final = ("the REST API of Airflow 3", f"correct {ADDRESS}: the address in front of /api/v2")
# Airflow answers a token that is not valid with 403, too.
_MEANS: Final = {401: _TOKEN_MEANS, 403: _TOKEN_MEANS, 404: _ADDRESS_MEANS, 405: _ADDRESS_MEANS}
"""HTTP status → what was expected, and the remedy."""


@dataclass(frozen=True)
class AssetEvent:
    """An event of an asset.

    Attributes:
        id: Its number in Airflow.
        at: When it was sent, in seconds since the epoch, by Airflow's clock.
        extra: What was sent with it.
    """

    id: int
    at: float
    extra: Mapping[str, Any]


class Airflow:
    """A client of Airflow's API.

    Args:
        address: The address in front of ``/api/v2``.
        token: The bearer token; it is in no message.
        seconds: How long to wait for an answer.
    """

    def __init__(self, address: str, token: str, seconds: float = _SECONDS) -> None:
        self.address = address.rstrip("/")
        self._token, self._seconds = token, seconds
        self._opener = urllib.request.build_opener(_Stay)

    def asset(self, name: str) -> int | None:
        """Returns an asset's number, None where no DAG waits for one of this name."""
        query = urlencode({"name_pattern": name, "limit": _PAGE})
        listed = self._ask("GET", f"/assets?{query}")["assets"]  # also those whose names hold it
        return next((int(one["id"]) for one in listed if one["name"] == name), None)

    def paused(self, dag: str) -> bool | None:
        """Returns whether a DAG is paused, None where Airflow does not have it."""
        found = self._ask("GET", f"/dags/{quote(dag, safe='')}", may_lack=True)
        return None if found is None else bool(found["is_paused"])

    def events(self, asset: int) -> Iterator[AssetEvent]:
        """Returns the events of an asset, newest first; asks for more as they are looked at."""
        offset = 0
        while True:
            query = urlencode({"asset_id": asset, "order_by": "-timestamp", "limit": _PAGE, "offset": offset})
            found = self._ask("GET", f"/assets/events?{query}")["asset_events"]
            yield from map(_event, found)
            offset += len(found)
            if not found:
                return

    def send(self, asset: int, extra: Mapping[str, Any]) -> AssetEvent:
        """Sends an event of an asset, which starts the DAGs that wait for it."""
        return _event(self._ask("POST", "/assets/events", {"asset_id": asset, "extra": dict(extra)}))

    def _ask(self, method: str, path: str, body: Any = None, may_lack: bool = False) -> Any:
        """Returns what Airflow answers, None for what it does not have where ``may_lack``.

        Raises:
            PenstockError: It does not answer or refuses; ``may_pass`` says whether the same again may end well.
        """
        try:
            with self._opener.open(self._request(method, path, body), timeout=self._seconds) as answer:
                return json.loads(answer.read(_LARGEST))
        except urllib.error.HTTPError as error:
            if may_lack and error.code == 404:
                return None
            raise self._refused(error) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._away(error) from error
        except ValueError as error:
            raise PenstockError(
                f"Airflow at {self.address}",
                expected="an answer in JSON",
                seen="another text",
                remedy=_ADDRESS_MEANS[1],
            ) from error

    def _request(self, method: str, path: str, body: Any) -> urllib.request.Request:
        head = {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/json",
            "User-Agent": "penstock",
        }
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            head["Content-Type"] = "application/json"
        return urllib.request.Request(f"{self.address}/api/v2{path}", data, head, method=method)

    def _refused(self, error: urllib.error.HTTPError) -> PenstockError:
        code = error.code
        expected, remedy = _MEANS.get(code, ("an answer", "see the log of Airflow's API server"))
        if 300 <= code < 400:
            expected = "an answer, not a redirect: the token would go elsewhere"
            remedy = f"name the address that it leads to in {ADDRESS}"
        if code in _PASSING:
            remedy = _QUEUED if code == 500 and "/assets/events" in error.url else "try again"
        seen = f"HTTP {code}{_detail(error)}".replace(self._token, "…")
        return PenstockError(
            f"Airflow at {self.address}", expected=expected, seen=seen, remedy=remedy
        ).passing(code in _PASSING)

    def _away(self, error: Exception) -> PenstockError:
        reason = getattr(error, "reason", error)
        untrusted = isinstance(reason, ssl.SSLCertVerificationError)
        remedy = (
            "have its certificate trusted: SSL_CERT_FILE" if untrusted else f"try again, or correct {ADDRESS}"
        )
        seen = (
            "no answer in time" if isinstance(reason, TimeoutError) else str(reason) or type(reason).__name__
        )
        return PenstockError(
            f"Airflow at {self.address}", expected="an answer", seen=seen, remedy=remedy
        ).passing(not untrusted)


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the token would go elsewhere."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Returns nothing: the redirect becomes an error."""


def from_environment(environment: Mapping[str, str] = os.environ) -> Airflow:
    """Returns the client of the Airflow that the environment names.

    Raises:
        SpecError: A variable is missing, or does not hold what it must.
    """
    address, token = (environment.get(name, "").strip() for name in (ADDRESS, TOKEN))
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise SpecError(
            f"environment variable {ADDRESS}",
            expected="the address of Airflow's API server, without a user or a password",
            seen="another text" if address else "none",
            remedy=f"export {ADDRESS}=http://127.0.0.1:8080",
        )
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise SpecError(
            f"environment variable {TOKEN}",
            expected="a token of Airflow's API",
            seen="another text" if token else "none",
            remedy=f"get one from Airflow (POST {address.rstrip('/')}/auth/token) and export it as {TOKEN}",
        )
    return Airflow(address, token)


def _event(told: Mapping[str, Any]) -> AssetEvent:
    at = datetime.fromisoformat(told["timestamp"]).timestamp()
    return AssetEvent(int(told["id"]), at, told.get("extra") or {})


def _detail(error: urllib.error.HTTPError) -> str:
    """Returns what Airflow says about a refusal, shortened; nothing where it says nothing readable."""
    try:
        told = json.loads(error.read(_LARGEST))["detail"]
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return ""
    return f": {str(told)[:200]}"
