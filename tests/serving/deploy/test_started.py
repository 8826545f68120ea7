"""The generated files start the server: the compose file's own command, with its mounts mapped to local folders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from serving.client import CallError, Client, Tls, UnavailableError
from serving.deploy.generate import generate, write
from serving.deploy.reader import parse_document
from tests.serving.certificates import certificates
from tests.serving.models import ModelLibrary
from tests.serving.server_process import COMMAND, ServerProcess

pytestmark = pytest.mark.integration

GUIDE = Path(__file__).parents[3] / "docs" / "deploy.md"
DOCUMENT = """
name: learners
models:
  versions: {versions: [1, 2], labels: {stable: 1, canary: 2}}
  half: {base_path: /models/half_plus_two}
batching: {max_batch_size: 8, batch_timeout_micros: 1000, allowed_batch_sizes: [2, 8]}
monitoring: {path: /metrics}
tls: {client_verify: true}
flags: {rest_api_timeout_in_ms: 5000}
compose: {models_folder: models}
"""


@pytest.fixture(scope="module")
def folder(models: ModelLibrary, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder, with models and keys next to the files."""
    made = tmp_path_factory.mktemp("deployed")
    write(generate(parse_document(DOCUMENT, "serving.yaml")), made)
    certificates(made / "tls")
    (made / "run").mkdir()
    for version in (1, 2):
        models.place(f"constant_{version}", made / "models" / "versions", version)
    models.place("half_plus_two", made / "models" / "half_plus_two")
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[ServerProcess]:
    """The server from the compose file, with local ports and folders."""
    [service] = yaml.safe_load((folder / "docker-compose.yaml").read_text())["services"].values()
    here = {v["target"]: str(folder / v["source"]) for v in service["volumes"]} | {
        "/run/penstock": f"{folder}/run"
    }
    config = folder / "config"
    for file in config.iterdir():
        file.write_text(_at(file.read_text(), {"/models": here["/models"]}))
    assert service["entrypoint"][:2] == ["/bin/sh", "/config/start-with-tls.sh"]
    flags = [_at(flag, here) for flag in service["command"] if not re.match("--(rest_api_)?port=", flag)]
    keys = {"PENSTOCK_TLS_FOLDER": here["/tls"], "PENSTOCK_SECRET_FOLDER": here["/run/penstock"]}
    with pytest.MonkeyPatch.context() as patch:
        started = ["/bin/sh", str(config / "start-with-tls.sh"), *COMMAND]
        patch.setattr("tests.serving.server_process.COMMAND", started)
        with ServerProcess(folder / "log", *flags, environment=keys, fresh=True) as process:
            yield process


def _at(text: str, places: dict[str, str]) -> str:
    """Maps the container's folders to local ones."""
    for inside, outside in places.items():
        text = re.sub(rf"(?<=[\"=]){re.escape(inside)}(?=/|\")", outside, text)
    return text


@pytest.fixture(scope="module")
def client(server: ServerProcess, folder: Path) -> Iterator[Client]:
    tls = Tls(
        ca=folder / "tls" / "ca.crt",
        certificate=folder / "tls" / "client.crt",
        key=folder / "tls" / "client.key",
        server_name="models.example",
    )
    with Client(f"grpcs://{server.address}", tls=tls) as made:
        made.wait_until_ready("versions", label="stable")
        made.wait_until_ready("half")
        yield made


def test_labels_are_set_from_the_first_start(client: Client) -> None:
    assert client.predict("versions", [0.0], label="stable").output.tolist() == [1.0]
    assert client.predict("versions", [0.0], label="canary").output.tolist() == [2.0]


def test_batching_is_on(client: Client) -> None:
    assert client.predict("half", [1.0, 2.0, 3.0]).output.tolist() == [2.5, 3.0, 3.5]
    with pytest.raises(CallError, match="INVALID_ARGUMENT"):
        client.predict("half", [1.0] * 9)


def test_metrics_and_status_are_on_the_rest_port(server: ServerProcess) -> None:
    import httpx

    assert httpx.get(f"{server.url}/metrics").headers["Content-Type"].startswith("text/plain")
    with Client(server.url) as client:
        assert client.status("versions").available == (2, 1)


def test_a_client_without_a_certificate_is_refused(server: ServerProcess, folder: Path) -> None:
    tls = Tls(ca=folder / "tls" / "ca.crt", server_name="models.example")
    with (
        Client(f"grpcs://{server.address}", tls=tls, retries=0) as stranger,
        pytest.raises(UnavailableError),
    ):
        stranger.status("versions")


def test_the_guides_document_is_right(tmp_path: Path) -> None:
    [text] = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    written: Any = write(generate(parse_document(text, "serving.yaml")), tmp_path)
    assert len(written.changed) == 6
    for name in written.changed:
        assert f"`{name}`" in GUIDE.read_text()
