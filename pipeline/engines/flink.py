"""Beam on Apache Flink, through Beam's job server."""

from __future__ import annotations

from pathlib import Path

from pipeline.engines.portable.engine import PortableEngine


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
        """Returns the job server's own arguments."""
        return [f"--flink-master={master}"]
