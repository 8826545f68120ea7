# syntax=docker/dockerfile:1
# Penstock in images: worker (the default: the command line and single nodes), model-server, airflow. Debian 13 has the
# glibc that TFX's wheels need.
#
#   docker build --platform linux/amd64 -t penstock .
#   docker build --platform linux/amd64 --target model-server -t penstock-model-server .
#   docker run --rm -v "$PWD:/work" penstock plan pipeline.yaml
#
# The base is pinned by its exact tag. To pin it by content too, set PYTHON_IMAGE to tag@sha256:….
ARG PYTHON_IMAGE=python:3.11.14-slim-trixie

# --- tools: compiler, package cache and uv stay in these stages ------------------------------------------
FROM ${PYTHON_IMAGE} AS tools

# TFDV's dependency pyfarmhash has no wheel: it is compiled here and only here.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY requirements/tools.txt requirements/
RUN python -m venv /opt/tools \
    && /opt/tools/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/tools.txt

# The packages come before the project's files: a change of ours does not download TensorFlow again.
FROM tools AS build-worker
COPY requirements/runtime.txt requirements/
RUN --mount=type=cache,target=/root/.cache/uv \
    python -m venv --without-pip /opt/penstock \
    && UV_LINK_MODE=copy /opt/tools/bin/uv pip sync --python /opt/penstock/bin/python \
        --require-hashes --compile-bytecode requirements/runtime.txt

# A quarter of it never runs: TensorFlow's C++ headers and symbol tables, libclang, the packages' own tests.
WORKDIR /opt/penstock
RUN rm -rf lib/python3*/site-packages/tensorflow/include lib/python3*/site-packages/clang \
    && find lib/python3*/site-packages -depth -name tests -type d -exec rm -rf {} + \
    && strip --strip-unneeded lib/python3*/site-packages/tensorflow/libtensorflow_*.so.2

WORKDIR /src
COPY . .
RUN /opt/tools/bin/uv pip install --python /opt/penstock/bin/python \
        --no-deps --no-build-isolation --no-index --compile-bytecode . \
    && /opt/penstock/bin/python -c "import ml_metadata, IPython, pipeline"

# The model server needs TensorFlow, but nothing of TFX, Beam or ML Metadata.
FROM tools AS build-server
COPY requirements/serving.txt requirements/
RUN --mount=type=cache,target=/root/.cache/uv \
    python -m venv --without-pip /opt/penstock \
    && UV_LINK_MODE=copy /opt/tools/bin/uv pip sync --python /opt/penstock/bin/python \
        --require-hashes --compile-bytecode requirements/serving.txt
COPY . .
RUN /opt/tools/bin/uv pip install --python /opt/penstock/bin/python \
        --no-deps --no-build-isolation --no-index --compile-bytecode . \
    && /opt/penstock/bin/python -c "import serving.server.main"

# Airflow, in an environment of its own: nothing of TFX can be installed beside it.
FROM tools AS build-airflow
COPY requirements/airflow.txt requirements/
RUN --mount=type=cache,target=/root/.cache/uv \
    python -m venv --without-pip /opt/airflow \
    && UV_LINK_MODE=copy /opt/tools/bin/uv pip sync --python /opt/airflow/bin/python \
        --require-hashes --compile-bytecode requirements/airflow.txt

# --- model-server: speaks TF Serving's API and takes its flags -------------------------------------------
FROM ${PYTHON_IMAGE} AS model-server

LABEL org.opencontainers.image.title="penstock-model-server" \
      org.opencontainers.image.description="A drop-in for tensorflow_model_server"

RUN useradd --create-home --uid 10001 penstock
COPY --from=build-server /opt/penstock /opt/penstock

ENV PATH="/opt/penstock/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    TF_CPP_MIN_LOG_LEVEL=2

USER 10001
EXPOSE 8500 8501
ENTRYPOINT ["penstock-model-server"]
CMD ["--help"]

# --- base: Python, the worker's environment, one user without rights -------------------------------------
FROM ${PYTHON_IMAGE} AS base

LABEL org.opencontainers.image.title="penstock" \
      org.opencontainers.image.description="From a MongoDB export to an evaluated, versioned, traceable model"

RUN useradd --create-home --uid 10001 penstock
COPY --from=build-worker /opt/penstock /opt/penstock

ENV PATH="/opt/penstock/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    TF_CPP_MIN_LOG_LEVEL=2

# --- airflow: schedules, and runs nodes in the worker's environment beside its own -----------------------
FROM base AS airflow

COPY --from=build-airflow /opt/airflow /opt/airflow
# Group 0 may write, so that any user may be chosen, as Airflow's own image has it.
RUN mkdir -p /opt/airflow-home/logs && chmod -R g=u /opt/airflow-home

ENV AIRFLOW_HOME=/opt/airflow-home
USER 10001:0
ENTRYPOINT ["/opt/airflow/bin/airflow"]
CMD ["version"]

# --- worker: the default, and the last: one node a container, and every other command ---------------------
FROM base AS worker

USER 10001
WORKDIR /work
ENTRYPOINT ["penstock"]
CMD ["--help"]
