"""Builds the environment that Kubeflow's own packages have in tests; see ``airflow_environment``.

Penstock writes pipeline documents without them, and they are no part of what it needs: tests have them read and run what
was written. ``PENSTOCK_KUBEFLOW_ENVIRONMENT`` names another folder than ``build/kubeflow``.
"""

from __future__ import annotations

import sys

from airflow_environment import main

if __name__ == "__main__":
    sys.exit(main("kubeflow"))
