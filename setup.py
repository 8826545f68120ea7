"""Lets Beam stage this project to remote workers (`--setup_file`); pyproject.toml holds everything else."""

from setuptools import setup

setup()
