"""Connecting to the server: address from the environment, secrets kept out of all messages, server capabilities."""

from __future__ import annotations

import datetime
import os
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

import pymongo
from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError

from foundation.errors import PenstockError, SpecError, StorageError

URI_VARIABLE = "PENSTOCK_MONGODB_URI"
_URI = re.compile(r"mongodb(\+srv)?://", re.IGNORECASE)
_SNAPSHOT_WIRE_VERSION = 13
"""MongoDB 5.0, the first version that reads snapshots outside transactions."""


@dataclass(frozen=True)
class Server:
    """What a deployment reports about itself."""

    version: str
    now: datetime.datetime
    """Its clock, UTC."""
    snapshots: bool
    """Whether it can read many ranges from one snapshot."""
    kind: str


def refuse_credentials(arguments: list[str]) -> None:
    """Refuses a connection string on the command line, which other users of the machine can read.

    Raises:
        SpecError: An argument holds one; the message does not repeat it.
    """
    if any(_URI.search(argument) for argument in arguments):
        raise SpecError(
            "a connection string on the command line",
            expected=f"the connection string in the environment variable {URI_VARIABLE}",
            seen="an argument, visible to everybody on this machine and kept in the shell's history",
            remedy=f"export {URI_VARIABLE}=…, delete the command from the shell's history, and change the password",
        )


def uri_from_environment(variable: str = URI_VARIABLE) -> str:
    """Returns the connection string.

    Raises:
        SpecError: The variable is not set or holds no connection string.
    """
    uri = os.environ.get(variable, "").strip()
    if not _URI.match(uri):
        raise SpecError(
            f"environment variable {variable}",
            expected="a connection string: mongodb://… or mongodb+srv://…",
            seen="something else" if uri else "nothing",
            remedy=f"export {variable}=… for a read-only user",
        )
    return uri


def redacted(text: str, uri: str) -> str:
    """Returns a text without this or any other connection string, user or password."""
    for secret in sorted(_secrets(uri), key=len, reverse=True):
        text = text.replace(secret, "…")
    return re.sub(r"(mongodb(?:\+srv)?://)[^\s/@]*@", r"\1…@", text, flags=re.IGNORECASE)


def _secrets(uri: str) -> set[str]:
    found = re.match(r"mongodb(?:\+srv)?://(?:([^@/]*)@)?", uri, re.IGNORECASE)
    user, _, password = (found[1] or "").partition(":") if found else ("", "", "")
    options = re.findall(r"(?:TOKEN|PASSWORD|KEY)\w*[=:]([^&,;]+)", uri, re.IGNORECASE)
    secrets = {uri, user, password, unquote_plus(user), unquote_plus(password), *options}
    return {secret for secret in secrets if len(secret) > 2}


def failure(error: Exception, uri: str, remedy: str) -> PenstockError:
    """Converts a pymongo error to one of Penstock's, without secrets.

    The cause is kept only if its own text is free of secrets; raise it ``from error.__cause__``.
    """
    text = str(error)
    clean = redacted(text, uri)
    shown = clean.split(", Topology Description", 1)[0].split(", full error", 1)[0][:300]
    refused = isinstance(error, OperationFailure)
    expected = "a query that the server can run" if refused else "a server that answers"
    built = StorageError("MongoDB", expected=expected, seen=shown, remedy=remedy)
    built.__cause__ = error if clean == text and error.__cause__ is None else None
    return built


def connect(
    uri: str, read_preference: str, parallel: int, patience_seconds: float = 60.0
) -> pymongo.MongoClient[dict[str, Any]]:
    """Returns a client; it does not contact the server yet.

    Raises:
        SpecError: The connection string is invalid.
    """
    try:
        return pymongo.MongoClient(
            uri,
            appname="penstock export",
            readPreference=read_preference,
            maxPoolSize=parallel + 2,
            serverSelectionTimeoutMS=int(1000 * max(1.0, min(10.0, patience_seconds))),
            tz_aware=True,
        )
    except (ConfigurationError, ValueError, TypeError) as error:
        raise SpecError(
            "the connection string", expected="one that pymongo can parse", seen=redacted(str(error), uri)
        ) from None  # the error's own text may contain it


def ask(client: pymongo.MongoClient[dict[str, Any]], uri: str) -> Server:
    """Queries the deployment's kind, version and clock.

    Raises:
        StorageError: It does not answer, or denies access.
    """
    try:
        hello = client.admin.command("hello")
        version = str(client.admin.command("buildInfo").get("version", "unknown"))
    except PyMongoError as error:
        wrapped = failure(
            error, uri, f"check the address in {URI_VARIABLE}, the network and the user's rights"
        )
        raise wrapped from wrapped.__cause__
    sharded = hello.get("msg") == "isdbgrid"
    kind = "sharded cluster" if sharded else "replica set" if hello.get("setName") else "single server"
    recent = int(hello.get("maxWireVersion", 0)) >= _SNAPSHOT_WIRE_VERSION
    now = hello.get("localTime") or datetime.datetime.now(datetime.UTC)
    return Server(version, now.replace(tzinfo=datetime.UTC), recent and kind != "single server", kind)
