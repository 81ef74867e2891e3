# ----- build -----
# The toolchain that rust-toolchain.toml names; `make check` compares the two. That file is not
# copied: rustup would fetch components that a build does not need.
FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /build

# Dependencies first, in a layer of their own: it lasts until Cargo.toml or Cargo.lock change.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
    && touch src/lib.rs \
    && echo 'fn main() {}' > src/main.rs \
    && cargo build --release --locked --bin leadping-bridge

COPY . .
# Newer than the stand-ins, whatever the checkout's dates are.
RUN touch src/lib.rs src/main.rs \
    && cargo build --release --locked --bin leadping-bridge

# ----- run -----
FROM debian:bookworm-slim
# Without a CA store no target could be verified, and the HTTP client does not start.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /build/target/release/leadping-bridge /usr/local/bin/leadping-bridge
COPY config /etc/leadping-bridge
COPY mappings /etc/leadping-bridge/mappings
RUN install -d -m 0750 -o 10001 -g 10001 /data

# The webhook listener has to be reachable from outside the container. The admin listener stays on
# the container's loopback; to publish it, give it a token:
#   -p 127.0.0.1:8081:8081 -e LEADPING_BRIDGE__ADMIN__LISTEN=0.0.0.0:8081
#   -e LEADPING_BRIDGE__ADMIN__TOKEN__ENV=BRIDGE_ADMIN_TOKEN -e BRIDGE_ADMIN_TOKEN=…
ENV LEADPING_BRIDGE_CONFIG=/etc/leadping-bridge/bridge.toml \
    LEADPING_BRIDGE__MAPPINGS__DIR=/etc/leadping-bridge/mappings \
    LEADPING_BRIDGE__SERVER__LISTEN=0.0.0.0:8080 \
    LEADPING_BRIDGE__STORE__URL=sqlite:/data/bridge.db

USER 10001:10001
WORKDIR /data
# A local disk: a network file system does not keep the promise of an fsync.
VOLUME /data
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["leadping-bridge", "healthcheck"]
ENTRYPOINT ["leadping-bridge"]
CMD ["serve"]
