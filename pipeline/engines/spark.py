"""Beam on Apache Spark, through Beam's job server."""

from __future__ import annotations

from pathlib import Path

from pipeline.engines.portable.engine import PortableEngine


class SparkEngine(PortableEngine):
    """Spark within the job server, or the cluster that ``--spark_master_url=spark://host:port`` names."""

    name = "spark"
    main = "org.apache.beam.runners.spark.SparkJobServerDriver"
    master_option = "spark_master_url"

    def embedded(self, workers: int) -> str:
        """Returns the cluster within the job server, with a thread for each worker."""
        return f"local[{workers}]"

    def is_embedded(self, master: str) -> bool:
        """Returns whether a name is that of a cluster within the job server."""
        return master == "local" or master.startswith("local[")

    def server_arguments(self, master: str, folder: Path) -> list[str]:
        """Returns the job server's own arguments."""
        return [f"--spark-master-url={master}"]

    def properties(self) -> dict[str, str]:
        """Returns Spark's settings: its page and its driver are for this machine alone."""
        return {
            "spark.ui.enabled": "false",
            "spark.driver.host": "localhost",
            "spark.driver.bindAddress": "localhost",
        }
