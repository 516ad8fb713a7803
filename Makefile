# The commands of the project; each is a script of its own. README.md says when to use which.
.PHONY: run test bench fuzz fmt lint clean-services

# Sets everything up and starts a vault filled with example calls on http://127.0.0.1:8080.
run:
	@scripts/run.sh

# Installs or starts what the tests need and runs all of them.
test:
	@scripts/test.sh

# Measures against nginx, rclone and the stores themselves; fills docs/BENCHMARKS.md.
bench:
	@scripts/bench.sh

# Runs the fuzz targets, a minute each.
fuzz:
	@scripts/fuzz.sh

fmt:
	@cargo fmt

lint:
	@scripts/lint.sh

# Stops the PostgreSQL and the Garage a killed test run left.
clean-services:
	@scripts/test-services.sh stop
