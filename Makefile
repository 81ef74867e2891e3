# The entry points. CI calls the same ones (.ci/run).

DENY_VERSION := 0.20.2
# A cargo-deny of the same format that is already installed does; else one is kept under target/.
DENY := $(shell cargo deny --version 2>/dev/null | grep -q '^cargo-deny 0\.20\.' && command -v cargo-deny || echo target/tools/bin/cargo-deny)

.DEFAULT_GOAL := help
.PHONY: help demo test test-browser check format-check lint deny toolchain-check deploy-check bench audit needs-rust needs-compiler needs-browser

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 24

demo: needs-compiler ## sandbox, bridge and sample webhooks on this machine; Ctrl-C ends it
	cargo run --release --locked -- demo

test: needs-compiler ## every test
	cargo test --locked

test-browser: needs-compiler needs-browser target/browser/axe.min.js ## the dashboard in headless Chromium: every page, by mouse and by keyboard
	cargo test --locked --test browser

check: toolchain-check format-check lint deny ## format, lints, dependencies: no warning passes

bench: needs-compiler ## a table's evaluation; throughput, latency and memory, side by side with a bare handler
	cargo bench --locked --bench tables
	cargo bench --locked --bench bridge

audit: needs-rust $(DENY) ## known vulnerabilities in dependencies (fetches the database)
	$(DENY) --locked check advisories

format-check: needs-rust
	@cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
	cargo fmt --check

lint: needs-compiler
	@cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
	cargo clippy --locked --all-targets -- -D warnings

deny: needs-rust $(DENY)
	$(DENY) --locked check bans licenses sources

# What the tests cannot ask: the tools that will read these files, those that are installed.
deploy-check: ## lint deploy/ with promtool, amtool, systemd-analyze, caddy, docker, where there
	@lint() { \
		if command -v "$$1" >/dev/null; then echo "$$*" >&2; "$$@" || exit 1; else echo "not installed, left out: $$*" >&2; fi; }; \
	lint promtool check rules deploy/prometheus/alerts.yml; \
	lint promtool test rules deploy/prometheus/alerts.test.yml; \
	lint amtool check-config deploy/prometheus/alertmanager.yml; \
	lint systemd-analyze security --offline=true --no-pager --threshold=20 deploy/systemd/leadping-bridge.service >/dev/null; \
	lint caddy validate --adapter caddyfile --config deploy/proxy/Caddyfile; \
	if docker compose version >/dev/null 2>&1; then lint docker compose -f deploy/compose.yaml config --quiet; fi

# Container and workstation build with the same compiler.
toolchain-check:
	@channel=$$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml); \
	grep -q "^FROM rust:$$channel-" Dockerfile || { \
		echo "Dockerfile does not build with Rust $$channel, which rust-toolchain.toml names" >&2; exit 1; }

# Looks for what keeps people from reading a page; MPL-2.0, used by the tests alone.
AXE_VERSION := 4.11.0
AXE_SHA256 := 39bed7d72308f6d620789c169d699bfd7e8da80f65b545821a6b2215c3e83107
target/browser/axe.min.js:
	@command -v npm >/dev/null || { echo "npm is missing: it fetches axe-core for the browser tests" >&2; exit 1; }
	mkdir -p target/browser
	cd target/browser && npm pack --silent axe-core@$(AXE_VERSION)
	cd target/browser && echo "$(AXE_SHA256)  axe-core-$(AXE_VERSION).tgz" | sha256sum --check --quiet
	tar -xzf target/browser/axe-core-$(AXE_VERSION).tgz -C target/browser --strip-components 1 package/axe.min.js package/LICENSE
	touch $@

needs-browser:
	@command -v chromedriver >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update && apt-get install -y --no-install-recommends chromium chromium-driver; \
		else \
			echo "chromedriver is missing: apt-get install chromium chromium-driver" >&2; exit 1; \
		fi; }

# About 2.5 minutes, once: the root lies under target/.
target/tools/bin/cargo-deny: | needs-compiler
	cargo install cargo-deny --locked --version $(DENY_VERSION) --root target/tools

needs-rust:
	@command -v cargo >/dev/null || { \
		echo "Rust is missing: install rustup (https://rustup.rs); it fetches the version that rust-toolchain.toml names" >&2; exit 1; }

# SQLite and the TLS library are built from C; nothing else of the system is used.
needs-compiler: needs-rust
	@echo '#include <stdlib.h>' | $${CC:-cc} -fsyntax-only -x c - 2>/dev/null || { \
		echo "A C compiler is missing (SQLite and the TLS library are built with it): apt-get install build-essential" >&2; exit 1; }
