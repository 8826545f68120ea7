"""The image ``tensorflow/serving``, run by Docker."""

from __future__ import annotations

import shutil
import subprocess

from serving.engines.engine import Wanted

IMAGE = "tensorflow/serving"
_PORTS = (8500, 8501)
_SECONDS = 10


class Docker:
    """TF Serving in a container; the host's ports are published, the versions are mounted read-only."""

    name = "docker"
    what = f"the Docker image {IMAGE}"

    def missing(self) -> str:
        """Returns why Docker cannot be used."""
        if not shutil.which("docker"):
            return "no docker on the PATH"
        return "" if _succeeds("version", "--format", "{{.Server.Version}}") else "no Docker engine answers"

    def has_image(self) -> bool:
        """Returns whether the image is already pulled."""
        return not self.missing() and _succeeds("image", "inspect", "--format", "{{.Id}}", IMAGE)

    def command(self, wanted: Wanted) -> list[str]:
        """Returns the command line. The server is the container's main process, so it gets the signals."""
        host = f"[{wanted.host}]" if ":" in wanted.host else wanted.host.replace("*", "0.0.0.0")
        inside = f"/models/{wanted.name}"
        return [
            shutil.which("docker") or "docker", "run", "--rm", "--init",
            f"--publish={host}:{wanted.port}:{_PORTS[0]}",
            f"--publish={host}:{wanted.rest_port}:{_PORTS[1]}",
            f"--mount=type=bind,source={wanted.folder},target={inside},readonly",
            "--entrypoint=tensorflow_model_server",
            IMAGE,
            *wanted.model_flags(inside, _PORTS),
        ]  # fmt: skip

    def notes(self, wanted: Wanted) -> list[str]:
        """Returns a note if the image will be pulled."""
        return [] if self.has_image() else [f"Docker pulls the image {IMAGE} first."]


def _succeeds(*arguments: str) -> bool:
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
