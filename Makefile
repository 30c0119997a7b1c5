# Shortcuts for common tasks. CMake does the work (see CMakePresets.json).
# On Debian and its derivatives, as root or with sudo, missing packages are installed; elsewhere they are listed.

JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60
MUTANTS ?= 60
PREFIX ?= /usr/local
# In continuous integration, warnings are errors.
WERROR := $(if $(CI),ON,OFF)

PROGRAM := build/release/bin/hermitage
CONFIGURE = cmake --preset $(1) -DHERMITAGE_WARNINGS_AS_ERRORS=$(WERROR) --log-level=WARNING
BUILD = cmake --build --preset $(1) -j $(JOBS)
# Guests do not depend on the preset.
GUESTS_OF_RELEASE = rm -rf build/$(1)/guests && ln -s ../release/guests build/$(1)/guests

NO_CROSS = cross build for aarch64: skipped, its libraries cannot be downloaded (cmake/sysroot)

.NOTPARALLEL:
.PHONY: help demo build test bench bench-vmm bench-net bench-snapshot bench-scale bench-containers conformance fuzz mutate lint format reference
.PHONY: install deb dist image clean
help:
	@echo 'make demo         install missing packages, build, and inspect, pack and run a kernel built from source'
	@echo 'make test         install missing packages (clang-19 among them), build, and run all tests (optimized, and with sanitizers)'
	@echo 'make build        build the program: $(PROGRAM)'
	@echo 'make cross        build the program for Linux on aarch64: build/release-aarch64/bin/hermitage'
	@echo 'make bench        compare speed with hermit-entry, memcpy and tar (needs cargo 1.85)'
	@echo 'make bench-vmm    compare hermitage run with Uhyve (needs cargo) and the bare KVM calls'
	@echo 'make bench-net    compare its network with that of Uhyve and a loop that only copies frames (needs root)'
	@echo 'make bench-snapshot  measure how guests are saved and restored (needs root)'
	@echo 'make bench-scale     measure 300 idle guests at once (needs KVM and root)'
	@echo 'make bench-containers  compare guests in containers with programs in containers of runc (needs KVM, podman and root)'
	@echo 'make conformance  compare with hermit-entry, kernel by kernel and image by image (needs cargo 1.85)'
	@echo 'make fuzz         run every fuzz target for FUZZ_SECONDS=$(FUZZ_SECONDS) (needs clang-19)'
	@echo 'make mutate       change the code in MUTANTS=$(MUTANTS) places, one at a time, and list changes that no unit test detects'
	@echo 'make lint         check includes, spelling, links, manual pages and formatting, and run clang-tidy'
	@echo 'make format       format the sources'
	@echo 'make reference    write the reference of the public headers: build/release/reference/html/index.html'
	@echo 'make install      install to PREFIX=$(PREFIX)'
	@echo 'make deb          make the Debian packages hermitage and libhermitage-dev in build/packages'
	@echo 'make deb-arm64    make the Debian package hermitage for arm64, cross compiled'
	@echo 'make dist         make a tarball of the static programs in build/packages'
	@echo 'make image        make the container image hermitage, with podman'

# Compiles the sources of each directory together, which takes half the time. A build in the same tree after it does, too.
demo:
	@cmake/packages build
	$(call CONFIGURE,release) -DHERMITAGE_BUILD_TESTS=OFF -DHERMITAGE_UNITED_SOURCES=ON
	$(call BUILD,release) --target demo
	@testing/demo $(PROGRAM) build/release/guests

build:
	@cmake/packages build
	$(call CONFIGURE,release) -DHERMITAGE_BUILD_TESTS=OFF
	$(call BUILD,release)

test:
	@cmake/packages build clang test lab cross
	$(call CONFIGURE,release) -DHERMITAGE_BUILD_TESTS=ON
	$(call BUILD,release)
	@if cmake/sysroot arm64 build/sysroot-arm64; then $(MAKE) --no-print-directory cross; else echo '$(NO_CROSS)'; fi
	$(call CONFIGURE,debug)
	$(call GUESTS_OF_RELEASE,debug)
	$(call BUILD,debug)
	ctest --preset debug -j $(JOBS) --quiet -O build/debug/test.log || { cat build/debug/test.log; exit 1; }
	@tail -n 8 build/debug/test.log
	$(call CONFIGURE,thread)
	$(call GUESTS_OF_RELEASE,thread)
	$(call BUILD,thread) --target vmm_test hypercalls_at_once
	ctest --preset thread -j $(JOBS)
	timeout 600 build/thread/bin/hypercalls_at_once 3000
	$(call CONFIGURE,bare)
	$(call BUILD,bare)
	ctest --preset bare -j $(JOBS)
	ctest --preset release -j $(JOBS)

# The program for aarch64, and what its machine in the lab runs. Little optimized: it compiles in half the time.
.PHONY: cross
cross:
	@cmake/packages cross
	cmake/sysroot arm64 build/sysroot-arm64
	$(call CONFIGURE,release-aarch64) -DHERMITAGE_BUILD_TESTS=ON -DCMAKE_CXX_FLAGS_RELEASE='-O1 -DNDEBUG'
	$(call BUILD,release-aarch64) --target hermitage_cli hermitage_oci isolation_test

bench:
	@cmake/packages build bench
	$(call CONFIGURE,bench) -DHERMITAGE_BUILD_GUESTS=ON
	$(call BUILD,bench)
	build/bench/bin/entry_bench --benchmark_out=build/bench/entry.json --benchmark_out_format=json
	build/bench/bin/image_bench

# Measures the program that is installed, so it uses the preset release.
bench-vmm:
	@cmake/packages build lab
	$(call CONFIGURE,release) -DHERMITAGE_BUILD_TESTS=OFF -DHERMITAGE_BUILD_VMM_BENCHMARK=ON
	$(call BUILD,release)
	bench/vmm/vmm_bench --programs build/release/bin --guests build/release/guests/x86_64/if3 --output build/bench/vmm.json

# Natively as root only; always in the lab. Takes ten minutes.
bench-net:
	@cmake/packages build lab net
	$(call CONFIGURE,release) -DHERMITAGE_BUILD_TESTS=OFF -DHERMITAGE_BUILD_VMM_BENCHMARK=ON
	$(call BUILD,release)
	bench/net/net_bench --programs build/release/bin --guests build/release/guests/x86_64/if3 --output build/bench/net.json

# Natively as root only; always in the lab. Takes five minutes.
bench-snapshot:
	@cmake/packages build lab
	$(call CONFIGURE,release) -DHERMITAGE_BUILD_TESTS=OFF -DHERMITAGE_BUILD_VMM_BENCHMARK=ON
	$(call BUILD,release)
	bench/snapshot/snapshot_bench --programs build/release/bin --guests build/release/guests/x86_64/if3 \
	  --output build/bench/snapshot.json

# On the host's KVM, as root. Takes two minutes.
bench-scale:
	@cmake/packages build
	$(call CONFIGURE,release) -DHERMITAGE_BUILD_TESTS=OFF
	$(call BUILD,release)
	bench/scale/scale_bench --programs build/release/bin --guests build/release/guests/x86_64/if3 --output build/bench/scale.json

# On the host's KVM, as root. Takes two minutes.
bench-containers:
	@cmake/packages build test
	$(call CONFIGURE,release) -DHERMITAGE_BUILD_TESTS=OFF
	$(call BUILD,release)
	bench/containers/container_bench --programs build/release/bin --guests build/release/guests/x86_64/if3 \
	  --output build/bench/containers.json

conformance:
	@cmake/packages build bench
	testing/get-images
	$(call CONFIGURE,release) -DHERMITAGE_BUILD_TESTS=ON
	$(call BUILD,release) --target guests
	$(call CONFIGURE,bench) -DHERMITAGE_BUILD_GUESTS=OFF
	$(call BUILD,bench) --target conformance
	build/bench/bin/conformance --list build/release/guests/index.txt

fuzz:
	@cmake/packages build clang test
	$(call CONFIGURE,debug)
	$(call BUILD,debug) --target fuzzers
	testing/fuzz build/debug $(FUZZ_SECONDS)

# Takes seconds for each mutant, and longer for mutants in headers.
mutate:
	@cmake/packages build test
	testing/mutate --count $(MUTANTS) --jobs $(JOBS)

lint:
	@cmake/packages build clang test lint
	$(call CONFIGURE,debug)
	$(call BUILD,debug) --target hermitage_texts
	$(call CONFIGURE,lint)
	$(call BUILD,lint)
	testing/lint build/lint build/debug/share/man
	$(call CONFIGURE,no-arch)
	$(call BUILD,no-arch)

format:
	@cmake/packages lint
	git ls-files '*.cpp' '*.hpp' '*.c' '*.h' | xargs clang-format-19 -i

reference:
	@cmake/packages build reference
	$(call CONFIGURE,release)
	$(call BUILD,release) --target reference

# Builds no guests, but those in the installed examples.
.PHONY: installed
installed:
	@cmake/packages build $(PACKAGES)
	$(call CONFIGURE,release) -DHERMITAGE_BUILD_TESTS=OFF
	$(call BUILD,release) --target installed

install: installed
	cmake --install build/release --prefix "$(PREFIX)"

# Packages have the boot loaders of all architectures.
deb deb-arm64 dist image: PACKAGES = loaders
deb: installed
	packaging/deb build/release build/packages

.PHONY: deb-arm64
deb-arm64: installed
	@cmake/packages cross
	cmake/sysroot arm64 build/sysroot-arm64
	$(call CONFIGURE,release-aarch64) -DHERMITAGE_BUILD_TESTS=OFF -DCMAKE_CXX_FLAGS_RELEASE='-O3 -DNDEBUG'
	$(call BUILD,release-aarch64) --target hermitage_cli hermitage_oci
	packaging/deb build/release-aarch64 build/packages build/release

dist: installed
	packaging/dist build/release build/packages

image: installed
	packaging/image build/release

clean:
	rm -rf build
