# The service on a processor. Sizes, arguments and how it is run: docs/deploy.md
ARG PYTHON_TAG=3.11-slim-bookworm
# the same with Debian's tools for building: image.py uses `strip`
ARG BUILD_TAG=3.11-bookworm

FROM python:${BUILD_TAG} AS build
# versions of everything, the build's own tools included
ENV PIP_CONSTRAINT=/build/constraints.txt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python -m venv --without-pip /opt/vlclip

# What changes seldom comes first.
COPY constraints.txt ./
# Only for the extra `models`: where PyTorch's wheels for processors are; empty: the installer's own index, whose
# wheels bring CUDA
ARG TORCH_INDEX=
# --no-deps: from that index these two alone; what they need comes with the rest
# hadolint ignore=DL3013  # PIP_CONSTRAINT pins them
RUN --mount=type=cache,target=/root/.cache/pip \
    if [ -n "$TORCH_INDEX" ]; then \
        pip --python /opt/vlclip/bin/python install --no-compile --no-deps --index-url "$TORCH_INDEX" torch torchvision; \
    fi

COPY pyproject.toml ./
# extras of pyproject.toml, with commas: redis,llm,tracing; with `models`, every model by name, by PyTorch
ARG EXTRAS=redis
RUN --mount=type=cache,target=/root/.cache/pip \
    python -c "import sys, tomllib; \
        project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
        extras = [project['optional-dependencies'][name] for name in sys.argv[1].split(',') if name]; \
        print(*project['dependencies'], *sum(extras, []), sep='\n')" "$EXTRAS" > requirements.txt \
    && pip --python /opt/vlclip/bin/python install --no-compile --only-binary :all: --requirement requirements.txt \
    && if [ -n "$TORCH_INDEX" ]; then \
        /opt/vlclip/bin/python -c "import torch, torchvision; assert torch.version.cuda is None, \
            'CUDA came although TORCH_INDEX is set: has it the versions of constraints.txt?'"; \
    fi

COPY README.md LICENSE ./
COPY engine engine
COPY ingestion ingestion
COPY ranking ranking
COPY service service
COPY loadtest loadtest
COPY vlclip vlclip
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/vlclip/bin/python install --no-compile --no-deps .
# takes out what nobody runs, tries the rest, and leaves what is used compiled
COPY deploy/image.py deploy/image.py
RUN python deploy/image.py /opt/vlclip


FROM python:${PYTHON_TAG}
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="vlclip" \
      org.opencontainers.image.description="Visual recommendations for shops: fused CLIP vectors in Qdrant" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# a fixed number, so that volumes fit the next image as well
RUN groupadd --gid 10001 vlclip \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin vlclip \
    && install --directory --owner vlclip --group vlclip --mode 0750 /data
COPY --from=build /opt/vlclip /opt/vlclip
# HOME: what libraries keep of downloaded models is on the volume; only it and /tmp are ever written to
ENV PATH=/opt/vlclip/bin:$PATH \
    HOME=/data \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    VLCLIP_STORE=/data/store
WORKDIR /data
VOLUME /data
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# without proxies: where photos are fetched through one, this is still asked directly
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "from urllib.request import *; build_opener(ProxyHandler({})).open('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["vlclip"]
CMD ["serve", "--host", "0.0.0.0"]
