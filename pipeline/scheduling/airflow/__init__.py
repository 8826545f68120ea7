"""Airflow 3: one DAG file that imports Airflow alone, and the bundle beside it."""
