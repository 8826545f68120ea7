"""The server's command line inside a container, and the script that assembles its TLS keys."""

from __future__ import annotations

from serving.deploy.document import DeployDocument
from serving.deploy.text_files import BATCHING, MODELS, MONITORING

CONFIG_FOLDER = "/config"
TLS_FOLDER = "/tls"
SECRET_FOLDER = "/run/penstock"
START_SCRIPT = "start-with-tls.sh"


def arguments(document: DeployDocument) -> list[str]:
    """Returns the flags, in a fixed order."""
    flags: dict[str, bool | int | float | str] = {
        "port": document.grpc_port,
        "rest_api_port": document.rest_port,
        "model_config_file": f"{CONFIG_FOLDER}/{MODELS}",
    }
    if document.config_poll_seconds:
        flags["model_config_file_poll_wait_seconds"] = document.config_poll_seconds
    if document.labelled:  # no version is loaded when the server starts, so every label would be refused
        flags["allow_version_labels_for_unavailable_models"] = True
    if document.batching is not None:
        flags["enable_batching"] = True
        flags["batching_parameters_file"] = f"{CONFIG_FOLDER}/{BATCHING}"
    if document.monitoring is not None:
        flags["monitoring_config_file"] = f"{CONFIG_FOLDER}/{MONITORING}"
    if document.tls is not None:
        flags["ssl_config_file"] = f"{SECRET_FOLDER}/ssl.config"
    flags |= dict(sorted(document.flags.items()))
    return [f"--{name}={_word(value)}" for name, value in flags.items()]


def command(document: DeployDocument) -> list[str]:
    """Returns the program to start: the server, or with TLS the script that starts it."""
    if document.tls is None:
        return [document.executable]
    return ["/bin/sh", f"{CONFIG_FOLDER}/{START_SCRIPT}", document.executable]


def start_script(document: DeployDocument) -> str:
    """Returns the script that writes ssl.config from PEM files and then runs the server.

    TF Serving wants the *contents* of key and certificates in ssl.config. They are assembled where the server runs,
    in an in-memory folder, so that no key ends up in a generated file, an image or a ConfigMap.
    """
    verify = document.tls is not None and document.tls.client_verify
    client = """    printf 'custom_ca: "%s"\\n' "$(pem ca.crt)"
    printf 'client_verify: true\\n'
""" if verify else ""  # fmt: skip
    ca = " ca.crt" if verify else ""
    return f"""#!/bin/sh
# Writes ssl.config from the PEM files in {TLS_FOLDER} into {SECRET_FOLDER}, an in-memory folder, then runs the server.
set -eu
umask 077
tls="${{PENSTOCK_TLS_FOLDER:-{TLS_FOLDER}}}"
out="${{PENSTOCK_SECRET_FOLDER:-{SECRET_FOLDER}}}"
pem() {{
    [ -r "$tls/$1" ] || {{ echo "cannot read $tls/$1" >&2; exit 1; }}
    sed -e 's/\\\\/\\\\\\\\/g' -e 's/"/\\\\"/g' -e 's/$/\\\\n/' "$tls/$1" | tr -d '\\r\\n'
}}
for file in tls.key tls.crt{ca}; do pem "$file" >/dev/null; done
{{
    printf 'server_key: "%s"\\n' "$(pem tls.key)"
    printf 'server_cert: "%s"\\n' "$(pem tls.crt)"
{client}}} >"$out/ssl.config"
exec "$@"
"""


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
