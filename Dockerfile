# One image for every process of Promptuary: serve, api, git and indexer are commands of the same program.
#   docker build -t promptuary .
#   docker run -p 127.0.0.1:8000:8000 -v promptuary:/data promptuary

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /source
RUN python -m venv --without-pip /opt/promptuary
# What changes seldom comes first: a change of the code installs no dependency anew.
COPY requirements/run.txt requirements/run.txt
RUN pip --python /opt/promptuary/bin/python install --require-hashes --requirement requirements/run.txt
COPY . .
RUN pip --python /opt/promptuary/bin/python install --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm
# Not pinned: a Debian release changes its Git for security alone, and takes the older one away.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin promptuary \
    && install --directory --owner=promptuary --group=promptuary --mode=0700 /data
COPY --from=build /opt/promptuary /opt/promptuary
ENV PATH=/opt/promptuary/bin:$PATH \
    LC_ALL=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PROMPTUARY_DATA=/data \
    PROMPTUARY_HOST=0.0.0.0 \
    PROMPTUARY_PORT=8000
WORKDIR /data
USER 10001:10001
EXPOSE 8000
# That the process answers; whether it has all it needs is said by /readyz, and a restart would not mend it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['PROMPTUARY_PORT']}/livez\", timeout=4)"]
ENTRYPOINT ["promptuary"]
CMD ["serve"]
