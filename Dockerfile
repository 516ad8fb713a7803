# The vault in an image: built from the lock file, run as nobody, no secrets inside.
FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends cmake && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/callvault --create-home callvault
COPY --from=build /src/target/release/callvault /usr/local/bin/callvault
USER callvault
WORKDIR /var/lib/callvault
ENV CALLVAULT_DATA_DIR=/var/lib/callvault CALLVAULT_HTTP__LISTEN=0.0.0.0:8080
EXPOSE 8080
ENTRYPOINT ["callvault"]
CMD ["serve"]
