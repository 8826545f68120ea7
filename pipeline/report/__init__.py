"""The report of a run: one self-contained HTML file that opens anywhere, offline.

``collect`` reads the artifacts, ``data`` holds what was read, ``write`` renders it, ``run_report`` does all three for a
recorded run.
"""

from pipeline.report.run_report import write_run_report

__all__ = ["write_run_report"]
