"""Files that no bundle holds: what their names or their first lines show to be a secret."""

from __future__ import annotations

import re
from pathlib import Path

from foundation.errors import UserCodeError

_NAMES = re.compile(
    r"\.env(\..*)?|.*\.env|\.netrc|\.pgpass|\.pypirc|\.npmrc|\.htpasswd|id_(rsa|dsa|ecdsa|ed25519)"
    r"|.*\.(pem|p12|pfx|jks|keystore|ppk|key)|(.*[-_.])?(credentials?|secrets?)(\.\w+)?"
    r"|.*service[-_]?account.*\.json|application_default_credentials\.json|kubeconfig",
    re.IGNORECASE,
)
_FOLDERS = frozenset({".git", ".aws", ".ssh", ".gnupg", ".azure", ".kube", ".docker", "gcloud"})
_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----|\"private_key\"\s*:")
_FIRST_BYTES = 8192


def refuse_secret(file: Path, shown: str) -> None:
    """Refuses a file that is a secret.

    Args:
        file: The file.
        shown: Its path for the message.

    Raises:
        UserCodeError: Its name, its folder or its first lines say so.
    """
    if file.suffix != ".py" and _NAMES.fullmatch(file.name):
        why = "a name that secrets have"
    elif _FOLDERS.intersection(file.parts):
        why = f"a file in {next(part for part in file.parts if part in _FOLDERS)}"
    elif _KEY.search(_first(file)):
        why = "a private key"
    else:
        return
    raise UserCodeError(
        f"{shown}, which own code uses",
        expected="no secret in a bundle",
        seen=why,
        remedy="have the code read an environment variable, and set it where nodes run",
    )


def _first(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(_FIRST_BYTES)
