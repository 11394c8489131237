# One image for the API, the worker and the MLflow server: docker-compose.yml says which command each runs.
FROM python:3.11-slim AS build
WORKDIR /src
COPY requirements.txt pyproject.toml README.md LICENSE ./
RUN python -m venv /opt/driftgate && /opt/driftgate/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements.txt
COPY lifecycle lifecycle
COPY training training
COPY registry registry
COPY payloads payloads
COPY reports reports
COPY service service
RUN /opt/driftgate/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 git && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 driftgate
COPY --from=build /opt/driftgate /opt/driftgate
ENV PATH=/opt/driftgate/bin:$PATH DO_NOT_TRACK=1 MLFLOW_DISABLE_TELEMETRY=true PYTHONUNBUFFERED=1
USER driftgate
WORKDIR /project
ENTRYPOINT ["driftgate"]
CMD ["up"]
