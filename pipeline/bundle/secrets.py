"""Files that no bundle holds: what their names or their content show to be a secret."""

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
_FORMS = {
    "a private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY|\"private_key\"\s*:"),
    "a key of AWS": re.compile(rb"(?<![A-Z0-9])(AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])"),
    "a key of Google": re.compile(rb"(?<![\w-])AIza[\w-]{35}(?![\w-])"),
    "a token of GitHub or GitLab": re.compile(
        rb"(?<!\w)(gh[pousr]_\w{36}|github_pat_\w{60}|glpat-[\w-]{20})"
    ),
    "a token of Slack": re.compile(rb"(?<!\w)xox[abeprs]-[\w-]{20}|hooks\.slack\.com/services/\w+/\w+"),
}
"""What a secret is → the form it has, whatever the file is called."""


def refuse_secret(path: str, content: bytes) -> None:
    """Refuses a file that is or holds a secret.

    Args:
        path: Its path in the archive; what is above a project says nothing about it.
        content: What it holds.

    Raises:
        UserCodeError: Its name, its folder or its content says so.
    """
    if found := _secret(Path(path), content):
        raise UserCodeError(
            f"{path}, which own code uses",
            expected="no secret in a bundle",
            seen=found,
            remedy="have the code read an environment variable, and set it where nodes run",
        )


def _secret(file: Path, content: bytes) -> str:
    """Returns what shows a file to be a secret; empty where nothing does."""
    if file.suffix != ".py" and _NAMES.fullmatch(file.name):
        return "a name that secrets have"
    if folder := next((part for part in file.parts if part in _FOLDERS), ""):
        return f"a file in {folder}"
    return next((what for what, form in _FORMS.items() if form.search(content)), "")
