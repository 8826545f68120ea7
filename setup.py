"""Lets Beam stage this project to remote workers (`--setup_file`); pyproject.toml holds everything else.

A worker then installs Penstock with its base dependencies. TFX and its relatives come with the worker's image (the
Dockerfile's), or from `--requirements_file=requirements/runtime.txt` beside it.
"""

from setuptools import setup

setup()
