"""Keys and certificates for TLS tests, made by openssl on demand."""

from __future__ import annotations

import subprocess
from pathlib import Path


def certificates(folder: Path) -> None:
    """Writes a CA, and a server's and a client's certificate signed by it."""
    folder.mkdir()

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(
        "req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=test ca"
    )
    for name, host in (("tls", "models.example"), ("client", "client.example")):
        (folder / "names").write_text(f"subjectAltName=DNS:{host}")
        openssl("req", *curve, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={host}")
        signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.crt", *signed)
