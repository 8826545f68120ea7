#!/bin/sh
# Run once, when the volume is new: a database each for ML Metadata, Airflow and the router's state.
set -eu
createdb --username "$POSTGRES_USER" mlmd
createdb --username "$POSTGRES_USER" airflow
createdb --username "$POSTGRES_USER" router
