# docker build --tag holdfast .
# The Python that the tests run on, on the Debian they run on.
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /build
# What builds the package stays here; what it needs to run goes into a folder that the next stage takes as it is.
COPY requirements/build.txt requirements/server.txt requirements/
RUN python -m venv /tools \
 && /tools/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt \
 && python -m venv --without-pip /opt/holdfast \
 && /tools/bin/pip --python /opt/holdfast/bin/python install --no-cache-dir --no-compile --require-hashes \
      -r requirements/server.txt
COPY pyproject.toml README.md LICENSE ./
COPY examples examples
COPY lua lua
COPY migrations migrations
COPY src src
# Compiled here, once, since the account that serves may write nothing; unchecked: the sources never change.
RUN /tools/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist . \
 && /tools/bin/pip --python /opt/holdfast/bin/python install --no-cache-dir --no-compile --no-deps dist/*.whl \
 && /opt/holdfast/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/holdfast/lib

FROM ${PYTHON}
LABEL org.opencontainers.image.title="Holdfast" \
      org.opencontainers.image.description="A booking engine that never sells a slot twice" \
      org.opencontainers.image.licenses="MIT"
# A fixed number, so that a cluster's policies can name it. No home, no shell, no password.
RUN groupadd --gid 10001 holdfast \
 && useradd --uid 10001 --no-log-init --gid holdfast --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin holdfast \
 && install --directory --owner 10001 --group 10001 --mode 0700 /var/lib/holdfast
COPY --from=build /opt/holdfast /opt/holdfast
ENV PATH=/opt/holdfast/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOLDFAST_HOST=0.0.0.0 \
    HOLDFAST_PORT=8080 \
    HOLDFAST_LOG_FORMAT=json
# Empty: a file .env is looked for in the working directory, and none is wanted here.
WORKDIR /srv
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
# Whether the process lives. Whether it can serve is /readyz, which is for load balancers: it fails while a store is away.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"HOLDFAST_PORT\"]}/healthz', timeout=2)"]
ENTRYPOINT ["holdfast"]
CMD ["serve"]
