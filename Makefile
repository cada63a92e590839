# Two doors.  Each installs what Debian packages, builds with meson, and goes.
#   make demo          a complete cluster on loopback, real jobs, then everything is stopped (KEEP=1 leaves it up)
#   make test          every suite; the last line is "N passed, N failed"
# And beside them:
#   make build         the release build in build/
#   make perf          benchmarks, beside Debian's Slurm where it is installed (make perf-packages installs it)
#   make install       meson install (DESTDIR=, PREFIX=/usr/local)

PREFIX ?= /usr/local
PYTHON ?= /usr/bin/python3

.PHONY: demo test build perf install clean packages perf-packages

demo: packages build
	@$(PYTHON) tools/demo.py

test:
	@tools/packages.sh test
	@tests/run

build: packages
	@tools/build.sh build release

perf: packages build
	@tests/perf/run

install: packages
	@tools/build.sh build-install release --prefix=$(PREFIX)
	@meson install -C build-install --no-rebuild

packages:
	@tools/packages.sh build

perf-packages:
	@tools/packages.sh perf

clean:
	rm -rf build build-test build-install
