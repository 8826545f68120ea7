"""News that starts a run besides the schedule: found, and sent to Airflow's assets once each."""
