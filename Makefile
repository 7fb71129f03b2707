# SPDX-License-Identifier: MIT
#
# A thin front: what each word does is in scripts/ and CMakePresets.json.

.PHONY: help deps build demo relay test bench results format clean
.DEFAULT_GOAL := help

help:
	@echo 'make demo    build and run the demonstration'
	@echo 'make relay   build and start a relay on port 4433; says how to use it'
	@echo 'make test    build with GCC, Clang and sanitizers, and relay and tunnel with OpenSSL in a Debian 13;'
	@echo '             run every test and gate'
	@echo 'make bench   build and run all benchmarks; write docs/results and the tables and plots of docs/ anew'
	@echo 'make results the same with those benchmarks only that the promises come from'
	@echo 'make build   build the optimised library and programs into build/release'
	@echo 'make format  rewrite the C++ files the way the format gate wants them'
	@echo 'make clean   remove build/'

deps:
	@scripts/install-deps

build: deps
	cmake --preset release
	cmake --build --preset release

demo: deps
	@cmake --preset release >/dev/null
	@cmake --build --preset release --target duality
	build/release/bin/duality demo

relay: deps
	@cmake --preset release >/dev/null
	@cmake --build --preset release --target duality
	build/release/bin/duality relay --state build/relay

test:
	@scripts/install-deps --cross
	@scripts/test-all

bench: build
	@scripts/bench
	@scripts/results --ledger build/bench/latest

results: build
	@scripts/results

format:
	@scripts/gates/format.sh --fix

clean:
	rm -rf build
