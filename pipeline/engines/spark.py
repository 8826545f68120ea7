"""Beam on Apache Spark, through Beam's job server."""

from __future__ import annotations

from pathlib import Path

from foundation.errors import SpecError
from pipeline.document.models import RunConfig
from pipeline.engines.base import Context
from pipeline.engines.portable.engine import PortableEngine, option
from pipeline.preflight.remarks import Remark


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

    def properties(self, master: str) -> dict[str, str]:
        """Returns Spark's settings: no page, and a driver that the executors of a cluster reach, and nobody else does."""
        page = {"spark.ui.enabled": "false"}
        if not self.is_embedded(master):
            return page
        return {**page, "spark.driver.host": "localhost", "spark.driver.bindAddress": "localhost"}

    def check(self, run: RunConfig, context: Context) -> list[Remark]:
        """Looks for what its base does, and warns of a driver for a cluster; see ``Engine.check``."""
        found = super().check(run, context)
        args = run.args(self.name)
        master = option(self.master_option, args)
        if master and not self.is_embedded(master) and not option("job_endpoint", args):
            found.append(Remark(_driver_reachable(self.master_option, master), certain=False))
        return found


def _driver_reachable(name: str, master: str) -> SpecError:
    return SpecError(
        f"run.beam_args: --{name}={master}",
        seen="while a node runs, Spark's driver listens on the network of this machine, where the cluster's executors reach it",
        remedy="have a firewall let through nobody else",
    )
