"""Jars from Maven Central, or the mirror that the person's Maven is set up for, through Maven itself."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from foundation.errors import StorageError

if TYPE_CHECKING:
    from pipeline.engines.portable.jars import Jar

PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
_DEPENDENCY = """\
    <dependency>
      <groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>{classifier}
      <exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>
    </dependency>
"""
"""Without what it depends on: all that is needed is listed."""
_PROJECT = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>penstock</groupId><artifactId>job-server</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
{dependencies}  </dependencies>
</project>
"""


def find_maven() -> str | None:
    """Returns the program ``mvn``, None without."""
    return shutil.which("mvn")


def missing(engine: str, variable: str) -> StorageError:
    """Returns the error for a machine that has neither the jars nor Maven.

    Args:
        engine: Name of the engine.
        variable: The environment variable that names a job server given by hand.
    """
    return StorageError(
        f"run.beam: {engine}",
        expected="the jars of Beam's job server",
        seen="none kept from before, and no mvn on the path to fetch them (150 to 260 MB, once)",
        remedy=f"install Maven (Debian: apt-get install maven), or set {variable} to a job server's jar",
    )


def project(jars: Iterable[Jar]) -> str:
    """Returns a Maven project that depends on these jars and nothing else."""
    return _PROJECT.format(
        dependencies="".join(
            _DEPENDENCY.format(
                group=escape(jar.group),
                artifact=escape(jar.artifact),
                version=escape(jar.version),
                classifier=f"<classifier>{escape(jar.classifier)}</classifier>" if jar.classifier else "",
            )
            for jar in jars
        )
    )


def copy_jars(jars: Iterable[Jar], folder: Path) -> None:
    """Fetches jars into a folder.

    Args:
        jars: The jars.
        folder: An existing folder.

    Raises:
        StorageError: There is no Maven, or it cannot get them.
        OSError: The folder cannot be written.
    """
    maven = find_maven()
    if maven is None:
        raise StorageError(
            "Beam's job server", expected="mvn on the path", seen="none", remedy="install Maven"
        )
    pom = folder / "pom.xml"
    pom.write_text(project(jars), encoding="utf-8")
    done = subprocess.run(
        [maven, "-B", "-q", "-f", str(pom), PLUGIN, f"-DoutputDirectory={folder}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = next((line for line in done.stdout.splitlines() if "ERROR" in line), done.stderr.strip())
        raise StorageError(
            "Beam's job server",
            expected="its jars from Maven",
            seen=said[:400],
            remedy="check the network and Maven's settings.xml, then run again",
        )
    pom.unlink()
