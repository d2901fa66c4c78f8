# `make` lists what can be made.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT ?= $(shell git rev-parse --quiet --verify HEAD 2>/dev/null || echo unknown)
IMAGE ?= logferry:dev
LINT := go run $(shell sed -n 's/^golangci=//p' .ci/run)

# The flags of the Dockerfile: the same source gives the same bytes.
BUILD := -trimpath -buildvcs=false \
	-ldflags "-s -w -buildid= -X main.version=$(VERSION) -X main.commit=$(COMMIT)"

.PHONY: help check test race lint fmt fuzz promises mutants soak bouncer diskfull standby postgres-matrix bench demo build image clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

check: ## everything CI does
	.ci/run

test: ## all tests; they start a PostgreSQL of their own
	go test ./...

race: ## all tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race ./...

bouncer: ## the warehouse behind pgbouncer (needs that program)
	go test -tags bouncer -run '^TestD07' -count 1 ./ferry

diskfull: ## a warehouse whose disk gets full (Linux; root, to mount a small one)
	unshare --mount go test -tags diskfull -run '^TestD04' -count 1 ./ferry

standby: ## a warehouse whose standby is promoted
	go test -tags standby -run '^TestD06.*Promoted$$' -count 1 ./ferry

postgres-matrix: ## what uses the warehouse, on each PostgreSQL from 15 to 18
	go run ./internal/pgmatrix

lint: ## vet and the linters of .golangci.yml
	go vet ./...
	$(LINT) run ./...

fmt: ## format, and mend what the linters can mend by themselves
	gofmt -w $$(git ls-files --cached --others --exclude-standard '*.go')
	$(LINT) run --fix ./...

fuzz: ## every fuzz target, FUZZTIME each (default 20s)
	@for file in $$(grep -rl --include='*_test.go' '^func Fuzz' .); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$file); do \
			echo "$$(dirname $$file) $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $${FUZZTIME:-20s} $$(dirname $$file); \
		done; \
	done

promises: ## the tests that RELIABILITY.md names, and how many cases they try, by its rows
	go run ./internal/promises

mutants: ## take rules out one at a time: each must turn a test red
	go run ./internal/mutants

soak: ## for long: 500 blows, 200 behind pgbouncer, 100 random histories, 10 million logs
	go test ./ferry -count 1 -timeout 6h -v -run 'TestD01KilledAtAnyMoment$$' -blows 500
	@if [ -x /usr/sbin/pgbouncer ] || command -v pgbouncer >/dev/null; then set -x; \
		go test -tags bouncer ./ferry -count 1 -timeout 6h -v -run 'TestD07KilledSync$$' -blows 200; \
	else echo "NOT TRIED: there is no pgbouncer on this machine (apt-get install pgbouncer)"; fi
	go test ./ferry -count 1 -timeout 6h -v -run 'TestHistories$$' -histories 100
	go test ./ferry -count 1 -timeout 6h -v -run 'TestMemoryIsFlat$$' -logs 10000000

bench: ## all benchmarks
	go test -run '^$$' -bench . -benchmem ./...

demo: ## the whole job with nothing set up
	go run ./cmd/logferry demo

build: ## bin/logferry, static
	CGO_ENABLED=0 go build $(BUILD) -o bin/logferry ./cmd/logferry

image: ## the container image, IMAGE (default logferry:dev)
	docker build --build-arg VERSION=$(VERSION) --build-arg COMMIT=$(COMMIT) --tag $(IMAGE) .

clean: ## remove what was built
	rm -rf bin dist coverage.* *.prof *.out
