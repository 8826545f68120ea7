"""The privacy policy: what happens to personal values before anything is written down.

One policy wherever raw values come in. A rule drops a feature, replaces it by a keyed hash,
truncates it, or generalises it. The key of the hash is in an environment variable that the document names; only
the key's id, eight digits of a digest, is ever written. Light: the standard library and the document's models only.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import ipaddress
import math
import os
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from foundation.config import Config
from foundation.errors import SpecError

HASH_DIGITS = 32
"""Hex digits of a hashed value: 128 bits."""
SHORTEST_KEY = 16
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_KEY_ID = b"penstock privacy key id\0"

Length = Annotated[int, Field(ge=1)]
Width = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Bounds = Annotated[list[float], Field(min_length=1)]


class PrivacyRule(Config):
    """What happens to the values of one feature; one of the keys. ``drop`` and ``hash`` may be given as a single word."""

    drop: Literal[True] | None = None
    """The feature is read for counts and splits, and never written."""
    hash: Literal[True] | None = None
    """HMAC-SHA256 of the text or whole number, 32 hex digits; equal values stay equal."""
    truncate: Length | Literal["ip", "email"] | None = None
    """Text: its first n characters; ip: the /24 or /48 network; email: the domain."""
    generalise: Literal["day", "month", "year"] | Width | Bounds | None = None
    """Dates: the beginning of their day, month or year (UTC); numbers: bands of a width, or a list of bounds."""

    @model_validator(mode="before")
    @classmethod
    def _words(cls, rule: object) -> object:
        return {rule: True} if isinstance(rule, str) and rule in ("drop", "hash") else rule

    @model_validator(mode="after")
    def _one_rule(self) -> PrivacyRule:
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError("give one of drop, hash, truncate, generalise")
        if isinstance(self.generalise, list) and sorted(set(self.generalise)) != self.generalise:
            raise ValueError("give the bounds in rising order, each once")
        return self

    @property
    def name(self) -> str:
        """The rule in a few words, such as ``hash`` or ``generalise: month``."""
        ((kind, how),) = self.model_dump(exclude_none=True).items()
        if how is True:
            return str(kind)
        return f"{kind}: " + ", ".join(n if isinstance(n, str) else f"{n:g}" for n in _listed(how))


def _listed(how: Any) -> list[Any]:
    return how if isinstance(how, list) else [how]


class PrivacyConfig(Config):
    """What happens to personal values as they come in, and what is looked for."""

    key_env: str = "PENSTOCK_PRIVACY_KEY"
    """Name of the environment variable that holds the key of ``hash``."""
    rules: dict[str, PrivacyRule] = Field(default_factory=dict)
    """Feature → drop, hash, {truncate: …} or {generalise: …}."""
    quasi_identifiers: list[str] = Field(default_factory=list)
    """Features that single a person out together; the sizes of their groups are reported."""
    k: int = Field(default=5, ge=2)
    """Rows in groups smaller than this are counted as exposed."""
    detect: bool = True
    """Warn of text features without a rule that look like e-mails, phone numbers, keys, addresses, cards."""

    @property
    def dropped(self) -> frozenset[str]:
        """Features that are never written."""
        return frozenset(name for name, rule in self.rules.items() if rule.drop)

    @property
    def needs_key(self) -> bool:
        """Whether any rule hashes."""
        return any(rule.hash for rule in self.rules.values())


def read_key(policy: PrivacyConfig, environment: Mapping[str, str] | None = None) -> bytes:
    """Returns the key of ``hash`` from the environment; empty where no rule hashes.

    Raises:
        SpecError: The variable is not set, or its key is too short.
    """
    if not policy.needs_key:
        return b""
    text = (os.environ if environment is None else environment).get(policy.key_env, "")
    if len(text) < SHORTEST_KEY:
        raise SpecError(
            "data.privacy: hash",
            expected=f"a key of at least {SHORTEST_KEY} characters in the environment variable {policy.key_env}",
            seen="a shorter one" if text else "no such variable",
            remedy=f"export {policy.key_env}, made once with: openssl rand -hex 32",
        )
    return text.encode("utf-8", "surrogateescape")


def key_id(key: bytes) -> str:
    """Returns the id of a key: it tells keys apart and says nothing about them; empty for no key."""
    return hashlib.sha256(_KEY_ID + key).hexdigest()[:8] if key else ""


def keyed_hash(key: bytes, text: bytes) -> bytes:
    """Returns HMAC-SHA256 of a text as hex digits."""
    return hmac.digest(key, text, "sha256").hex()[:HASH_DIGITS].encode()


def truncated(text: str, how: int | str) -> str | None:
    """Returns a text's beginning, an address's network, or an e-mail's domain; None where it is neither."""
    if isinstance(how, int):
        return text[:how]
    if how == "email":
        name, at, domain = text.strip().rpartition("@")
        return domain.lower() if at and name and domain else None
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    bits = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network((address, bits), strict=False))


def generalised(value: float, how: float | list[float]) -> float:
    """Returns the lower end of a number's band of a width, or how many bounds are at or below it."""
    if isinstance(how, list):
        return bisect_right(how, value)
    return math.floor(value / how) * how


def date_floor(milliseconds: int, unit: str) -> int:
    """Returns the beginning of a date's day, month or year, in epoch milliseconds, UTC.

    Raises:
        OverflowError: The year is not within 1 and 9999.
    """
    date = _EPOCH + datetime.timedelta(milliseconds=milliseconds)
    day = date.day if unit == "day" else 1
    month = 1 if unit == "year" else date.month
    floor = datetime.datetime(date.year, month, day, tzinfo=datetime.UTC)
    return (floor - _EPOCH) // datetime.timedelta(milliseconds=1)


def text_rule(rule: PrivacyRule, key: bytes) -> Callable[[bytes], bytes | None]:
    """Returns what a rule for text does to one value, as UTF-8; None where nothing of it may be kept."""
    if rule.hash:
        return lambda raw: keyed_hash(key, raw)
    how = rule.truncate
    if how is None:
        raise ValueError(f"{rule.name} is not for text")

    def shorten(raw: bytes) -> bytes | None:
        short = truncated(raw.decode("utf-8", "surrogateescape"), how)
        return None if short is None else short.encode("utf-8", "surrogateescape")

    return shorten


def protect(
    policy: PrivacyConfig, key: bytes, row: Mapping[str, Any], dates: Iterable[str] = ()
) -> dict[str, Any]:
    """Applies the policy to one row of plain values, such as a logged request.

    Args:
        policy: The policy.
        key: The key of ``hash``.
        row: Feature → text, number, bytes, None, or a list of these.
        dates: Features that are dates, in epoch milliseconds.

    Returns:
        The row without dropped features, the others as their rules leave them.
    """
    dated = frozenset(dates)
    out: dict[str, Any] = {}
    for name, value in row.items():
        rule = policy.rules.get(name)
        if rule is None:
            out[name] = value
        elif not rule.drop:
            items = value if isinstance(value, list) else [value]
            done = [_protected(item, rule, key, name in dated) for item in items]
            out[name] = done if isinstance(value, list) else done[0]
    return out


def _protected(value: Any, rule: PrivacyRule, key: bytes, is_date: bool) -> Any:
    if value is None:
        return None
    if rule.generalise is not None:
        if isinstance(rule.generalise, str):
            return date_floor(value, rule.generalise) if is_date else None
        return generalised(value, rule.generalise)
    raw = (
        value if isinstance(value, bytes) else (value if isinstance(value, str) else str(int(value))).encode()
    )
    done = text_rule(rule, key)(raw)
    return done if done is None or isinstance(value, bytes) else done.decode("utf-8", "surrogateescape")


def type_after(rule: PrivacyRule | None, kind: str | None) -> str | None:
    """Returns the type of a feature after its rule is applied; None stays unknown."""
    if rule is None:
        return kind
    if rule.hash or rule.truncate is not None:
        return "string"
    return "int" if isinstance(rule.generalise, list) else kind


def misfit(rule: PrivacyRule, kind: str) -> str:
    """Returns what a rule expects of a feature where its type is another, or an empty string where it fits."""
    if rule.drop:
        return ""
    if rule.hash:
        return "text or a whole number" if kind == "float" else ""
    if rule.truncate is not None:
        return "" if kind == "string" else "text"
    if isinstance(rule.generalise, str):
        return "" if kind == "date" else "a date"
    return "" if kind in ("int", "float") else "a number"
