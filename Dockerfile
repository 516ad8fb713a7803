# syntax=docker/dockerfile:1
FROM node:22-bookworm-slim AS screens
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web .
RUN npm run build

FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends cmake && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
COPY --from=screens /src/web/dist web/dist
RUN cargo build --locked --release --bin callvault

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/callvault --create-home callvault
COPY --from=build /src/target/release/callvault /usr/local/bin/callvault
USER 10001
WORKDIR /var/lib/callvault
ENV CALLVAULT_DATA_DIR=/var/lib/callvault CALLVAULT_HTTP__LISTEN=0.0.0.0:8080
VOLUME /var/lib/callvault
EXPOSE 8080
ENTRYPOINT ["callvault"]
CMD ["serve"]
