# The image that grand-challenge runs. ./build.sh builds it; see docs/submission.md.

# The digest pins the official image. To use another base image: BASE_IMAGE=... ./build.sh
ARG BASE_IMAGE=pytorch/pytorch:2.12.1-cuda12.6-cudnn9-runtime@sha256:79c5599719e0b1afdb56ac2d14588b530283752d7ae6ec3c36e18ec9deb8b229
# exec: the entrypoint processes /input once. invoke: it serves HTTP on port 4743.
ARG MODE=exec

FROM ${BASE_IMAGE} AS common

# The Python of the base image is externally managed and may lack ensurepip, so its pip fills a virtual environment on
# top of its packages. torch and CUDA must be those of the base image: the build fails if pip installs any of them.
COPY requirements-image.lock /opt/requirements-image.lock
RUN python3 -m venv --system-site-packages --without-pip /opt/venv \
    && /opt/venv/bin/python -m pip install --disable-pip-version-check --no-cache-dir --no-compile --no-deps --require-hashes \
        -r /opt/requirements-image.lock \
    && /opt/venv/bin/python -m pip list --local --format freeze > /opt/installed.txt \
    && if grep -Ei '^(torch(vision|audio)?|triton|nvidia[^=]*|cuda[^=]*)==' /opt/installed.txt; then echo 'pip must not replace these' >&2; exit 1; fi \
    && version='import torch, torchvision; print(torch.__version__, torch.version.cuda, torchvision.__version__)' \
    && test "$(/opt/venv/bin/python -c "$version")" = "$(python3 -c "$version")"

RUN groupadd --gid 10001 user && useradd --uid 10001 --gid user --no-log-init --no-create-home user \
    && mkdir -p /input /output && chown user:user /input /output

# The image runs under any user id on a read-only file system. Home and caches are under /tmp, and with USER set torch
# does not look up the name of an unknown user id.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    USER=user \
    TORCHINDUCTOR_CACHE_DIR=/tmp/torchinductor

# --chmod makes the files readable for any user id, whatever the umask of the clone.
WORKDIR /opt/app
COPY --chmod=755 weights weights
COPY --chmod=755 source_bank source_bank
COPY --chmod=755 model model
COPY --chmod=755 slide slide
COPY --chmod=755 batch batch
COPY --chmod=755 evaluation evaluation
COPY --chmod=755 report report
COPY --chmod=755 process.py serve.py ./
# Keep the bytecode of what a run imports: the file system of a container is read-only, so that every start would compile
# some hundred modules, for more than a second.
RUN PYTHONDONTWRITEBYTECODE='' python -c 'import serve, batch.folder, batch.settings, report.write, evaluation.score, SimpleITK'
USER 10001:10001
RUN python process.py --help > /dev/null && python serve.py --help > /dev/null

ARG BASE_IMAGE
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Mitosis detection with test-time domain adaptation" \
      org.opencontainers.image.description="Research only, not for diagnosis. Weights and source bank: non-commercial." \
      org.opencontainers.image.base.name="${BASE_IMAGE}" \
      org.opencontainers.image.revision="${REVISION}"

# The platform's default limit is 1,200 s per job. With this budget the adaptation stops early enough to write the
# detections. Another --time-budget on the command line replaces it.
FROM common AS exec
ENTRYPOINT ["python", "process.py", "--time-budget", "900"]

FROM common AS invoke
LABEL org.grand-challenge.api-method="invoke"
EXPOSE 4743
ENTRYPOINT ["python", "serve.py", "--host", "0.0.0.0", "--time-budget", "900"]

# hadolint ignore=DL3006
FROM ${MODE}
