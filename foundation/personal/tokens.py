"""Looks of keys, tokens, hashes of passwords, and passwords in text."""

from __future__ import annotations

import re

_ISSUED = re.compile(
    # Each alternative starts with a letter of its own, so that the search skips what none starts with.
    r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"  # JSON web token
    r"|sk_(?:live|test)_\w{10,}|pk_(?:live|test)_\w{10,}|rk_(?:live|test)_\w{10,}|whsec_[\w+/=]{24,}"  # Stripe
    r"|sk-[\w-]{20,}"  # OpenAI, Anthropic
    r"|gh[pousr]_\w{30,}|github_pat_\w{30,}"
    r"|glpat-[\w-]{20,}|gl(?:dt|ft|soat|rt|cbt|ptt|agent|oas|imt)-[\w-]{20,}|GR1348941[\w-]{20,}"  # GitLab
    r"|xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{10,}|https://hooks\.slack\.com/(?:services|workflows)/[\w/]{20,}"
    r"|https://discord(?:app)?\.com/api/webhooks/\d+/[\w-]{30,}"
    r"|A(?:KIA|SIA|BIA|CCA)[0-9A-Z]{16}(?!\w)"  # AWS
    r"|AIza[\w-]{30,}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}"  # Google
    r"|AccountKey=[\w+/=]{40,}|SharedAccessKey=[\w+/=]{40,}"  # Azure
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|npm_[A-Za-z0-9]{36}|pypi-AgE[\w-]{50,}|hf_[A-Za-z0-9]{30,}|dapi[0-9a-f]{32}"
    r"|dop_v1_[0-9a-f]{64}|shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}|sq0[a-z]{3}-[\w-]{20,}|SK[0-9a-f]{32}(?!\w)"
    r"|hvs\.[\w-]{20,}|glsa_\w{30,}|lin_api_\w{30,}|ATATT3[\w=-]{40,}|key-[0-9a-z]{32}(?!\w)|AGE-SECRET-KEY-1\w{40,}"
    r"|:(?<=\d{8}:)AA[\w-]{33}(?![\w-])"  # Telegram
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\$2[abxy]\$\d\d\$[./\w]{53}|\$argon2(?:id|i|d)\$|\$scrypt\$|\$7\$[./\w]{20,}|\$[156]\$[^\s$]+\$[./\w]{20,}"
    r"|\$[156]\$rounds=\d+\$|\$y\$\w+\$|scrypt:\d+:\d+:\d+\$|pbkdf2[_:-]\S*sha\d+[$:]\S{10,}|\$pbkdf2|\{SSHA\d*\}\S{10,}"
    r"|Bearer\s+(?=[\w.~+/-]*\d)[\w.~+/-]{16,}"
)
_SAID = re.compile(
    r"(?:passw(?:or)?d|passwort|pwd|secret|api[_-]?key|access[_-]?key|private[_-]?key|auth[_-]?token|access[_-]?token)"
    r"[\"']?\s*([=:])\s*[\"']?([^\s\"',;&]{4,})",
    re.IGNORECASE,
)
_IN_ADDRESS = re.compile(r"://[^\s/@:]{1,64}:([^\s/@]{1,64})@[\w\[]")
_NO_SECRET = re.compile(
    r"[<${*%\[(?]|(?:true|false|null|none|nil|required|undefined|optional|string|changed|x{3,}|\*+)\b",
    re.IGNORECASE,
)
_HAS_BOTH = re.compile(r"(?=.*\d)(?=.*[^\W\d_])")


def holds_token(text: str) -> bool:
    """Returns whether a text holds a key, a token, a password or the hash of one."""
    for match in _ISSUED.finditer(text):
        start = match.start()
        if (
            not start
            or not text[start].isalpha()
            or not (text[start - 1].isalnum() or text[start - 1] == "_")
        ):
            return True
    return ("=" in text or ":" in text) and _says_password(text)


def _says_password(text: str) -> bool:
    if "://" in text and any(not _NO_SECRET.match(match[1]) for match in _IN_ADDRESS.finditer(text)):
        return True
    for match in _SAID.finditer(text):
        sign, value = match.groups()
        # After a colon a sentence may go on; only what has letters and digits is no word of it.
        if not _NO_SECRET.match(value) and (sign == "=" or _HAS_BOTH.match(value)):
            return True
    return False
