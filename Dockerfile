# The image that grand-challenge runs. ./build.sh builds it; docs/submission.md tells the rest.

# The digest pins the official image. Another base comes by `BASE_IMAGE=... ./build.sh`.
ARG BASE_IMAGE=pytorch/pytorch:2.12.1-cuda12.6-cudnn9-runtime@sha256:79c5599719e0b1afdb56ac2d14588b530283752d7ae6ec3c36e18ec9deb8b229
# exec: the entrypoint runs once over /input. invoke: it serves HTTP on port 4743.
ARG MODE=exec

FROM ${BASE_IMAGE} AS common

# The base's Python is externally managed and may lack ensurepip: a virtual environment over its packages, filled by
# its pip. torch and all of CUDA must stay the base's: the build fails when the environment holds any of them.
COPY requirements-image.lock /opt/requirements-image.lock
RUN python3 -m venv --system-site-packages --without-pip /opt/venv \
    && /opt/venv/bin/python -m pip install --no-cache-dir --no-compile --no-deps --require-hashes \
        -r /opt/requirements-image.lock \
    && /opt/venv/bin/python -m pip list --local --format freeze > /opt/installed.txt \
    && if grep -Ei '^(torch(vision|audio)?|triton|nvidia[^=]*|cuda[^=]*)==' /opt/installed.txt; then echo 'pip replaced these' >&2; exit 1; fi \
    && version='import torch, torchvision; print(torch.__version__, torch.version.cuda, torchvision.__version__)' \
    && test "$(/opt/venv/bin/python -c "$version")" = "$(python3 -c "$version")"

RUN groupadd --gid 10001 user && useradd --uid 10001 --gid user --no-log-init --no-create-home user \
    && mkdir -p /input /output && chown user:user /input /output

# Any user id may run it on a read-only file system: what needs a home or a cache finds it under /tmp, and USER spares
# torch the look-up of a name that a foreign id does not have.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    USER=user \
    TORCHINDUCTOR_CACHE_DIR=/tmp/torchinductor

# The mode makes the files readable by any user id whatever the umask of the clone.
WORKDIR /opt/app
COPY --chmod=755 weights weights
COPY --chmod=755 source_bank source_bank
COPY --chmod=755 model model
COPY --chmod=755 slide slide
COPY --chmod=755 batch batch
COPY --chmod=755 evaluation evaluation
COPY --chmod=755 report report
COPY --chmod=755 process.py serve.py ./
USER 10001:10001
RUN python process.py --help > /dev/null && python serve.py --help > /dev/null

ARG BASE_IMAGE
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Mitosis detection with test-time domain adaptation" \
      org.opencontainers.image.description="Research only, not for diagnosis. Weights and source bank: non-commercial." \
      org.opencontainers.image.base.name="${BASE_IMAGE}" \
      org.opencontainers.image.revision="${REVISION}"

# The platform's default limit is 1,200 s a job: adaptation stops in time for the detections to be written.
# A later --time-budget on the command line replaces it.
FROM common AS exec
ENTRYPOINT ["python", "process.py", "--time-budget", "900"]

FROM common AS invoke
LABEL org.grand-challenge.api-method="invoke"
EXPOSE 4743
ENTRYPOINT ["python", "serve.py", "--host", "0.0.0.0", "--time-budget", "900"]

# hadolint ignore=DL3006
FROM ${MODE}
