# syntax=docker/dockerfile:1
FROM python:3.11-slim AS build

# Only what the lock names, checked by hash; then the package itself.
WORKDIR /source
COPY requirements/runtime.txt requirements/
RUN python -m venv /opt/qwen-grpc \
    && /opt/qwen-grpc/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY qwen_grpc qwen_grpc
COPY rest_shim rest_shim
RUN python -m pip wheel --no-cache-dir --disable-pip-version-check --no-deps --wheel-dir /wheels . \
    && /opt/qwen-grpc/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps /wheels/*.whl \
    && /opt/qwen-grpc/bin/pip uninstall --yes --quiet pip setuptools

FROM python:3.11-slim

RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent qwen \
    && install --directory --owner=qwen --mode=700 /var/lib/qwen-grpc
COPY --from=build /opt/qwen-grpc /opt/qwen-grpc
ENV PATH=/opt/qwen-grpc/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    GRPC_HOST=0.0.0.0 \
    QWEN_LEDGER=/var/lib/qwen-grpc/ledger.sqlite3
# After the folder has its owner: a new volume takes it over.
VOLUME /var/lib/qwen-grpc
USER 10001
WORKDIR /tmp
EXPOSE 8000 50051
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ.get('PORT', '8000')}/health\", timeout=2)"]
ENTRYPOINT ["qwen-grpc"]
CMD ["serve"]
