# syntax=docker/dockerfile:1
# Penstock's command line and pipelines in an image. Debian 13 has the glibc that TFX's wheels need.
#
#   docker build --platform linux/amd64 -t penstock .
#   docker run --rm -v "$PWD:/work" penstock plan pipeline.yaml
#
# The base is pinned by its exact tag. To pin it by content too, set PYTHON_IMAGE to tag@sha256:….
ARG PYTHON_IMAGE=python:3.11.14-slim-trixie

# --- build: compiler, package cache and uv stay in this stage -------------------------------------------
FROM ${PYTHON_IMAGE} AS build

# TFDV's dependency pyfarmhash has no wheel: it is compiled here and only here.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /src
COPY requirements/tools.txt requirements/runtime.txt requirements/
RUN python -m venv /opt/tools \
    && /opt/tools/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/tools.txt \
    && python -m venv --without-pip /opt/penstock

# The packages come before the project's files: a change of ours does not download TensorFlow again.
RUN --mount=type=cache,target=/root/.cache/uv \
    UV_LINK_MODE=copy /opt/tools/bin/uv pip sync --python /opt/penstock/bin/python \
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

# --- final: Python, the environment, one user without rights --------------------------------------------
FROM ${PYTHON_IMAGE}

LABEL org.opencontainers.image.title="penstock" \
      org.opencontainers.image.description="From a MongoDB export to an evaluated, versioned, traceable model"

RUN useradd --create-home --uid 10001 penstock
COPY --from=build /opt/penstock /opt/penstock

ENV PATH="/opt/penstock/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    TF_CPP_MIN_LOG_LEVEL=2

USER 10001
WORKDIR /work
ENTRYPOINT ["penstock"]
CMD ["--help"]
