# make run    sets everything up and runs the vault on the embedded default, filled with examples
# make test   sets everything up and runs every test
# make bench  compares with the peers, side by side, and writes docs/BENCHMARKS.md
.PHONY: run test bench fmt lint clean-services

run:
	scripts/run.sh

test:
	scripts/test.sh

bench:
	scripts/bench.sh

fmt:
	cargo fmt

lint:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings

clean-services:
	scripts/test-services.sh stop
