"""Beam on Apache Flink, through Beam's job server."""

from __future__ import annotations

from pathlib import Path

from pipeline.engines.portable.engine import PortableEngine

_SETTINGS = ("flink-conf.yaml", "config.yaml")
"""What Flink up to 1.20 looks for first, and what Flink 2 looks for alone."""
_ON_LOOPBACK = """\
jobmanager.bind-host: localhost
taskmanager.bind-host: localhost
rest.bind-address: localhost
"""
"""Where its servers listen: by default on every network interface."""


class FlinkEngine(PortableEngine):
    """Flink within the job server, or the cluster that ``--flink_master=host:port`` names."""

    name = "flink"
    main = "org.apache.beam.runners.flink.FlinkJobServerDriver"
    master_option = "flink_master"

    def embedded(self, workers: int) -> str:
        """Returns the cluster within the job server; the job's own parallelism says how many workers it has."""
        return "[local]"

    def is_embedded(self, master: str) -> bool:
        """Returns whether a name is that of a cluster within the job server."""
        return master in ("[local]", "[auto]")

    def server_arguments(self, master: str, folder: Path) -> list[str]:
        """Returns the job server's own arguments, and writes the settings of a cluster within it."""
        arguments = [f"--flink-master={master}"]
        if self.is_embedded(master):
            for name in _SETTINGS:
                (folder / name).write_text(_ON_LOOPBACK, encoding="utf-8")
            arguments.append(f"--flink-conf-dir={folder}")
        return arguments
