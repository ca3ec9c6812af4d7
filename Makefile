# Short names for what is done often. Each is one command: read it here, and run
# it without make if you like.

.DEFAULT_GOAL := help
.PHONY: help build test check lint race fuzz fmt generate tidy sim mutants mutants-quick shrink-mutants explore zones bench live live-etcd live-snapshot week

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' Makefile

build: ## build the program ./holdfast
	go build -o holdfast ./cmd/holdfast

test: ## run all tests
	go test ./...

check: ## run everything CI runs
	.ci/run

lint: ## run the formatter's check, vet, staticcheck and the tidiness checks
	.ci/run format vet staticcheck generated tidy

race: ## run the tests of the packages with goroutines under the race detector
	.ci/run race

fuzz: ## run each fuzz target for FUZZTIME (40000x: so many inputs; or a time)
	.ci/run fuzz

fmt: ## format all Go files
	go tool -modfile=tools.mod gofumpt -w .

generate: ## generate kv/kvpb from its .proto files
	go run -modfile=tools.mod ./internal/tools/_protogen

tidy: ## tidy go.mod and tools.mod
	go mod tidy
	.ci/in-tools-module go mod tidy

sim: ## simulate SIM_SEEDS (200) seeds
	.ci/run sim

mutants: ## plant every known bug over five ranges of seeds (as far as MUTANTS_FOR, such as 30m, allows), and write docs/mutants.md
	go run ./cmd/holdfast sim mutants --ranges 5 --ablate $(if $(MUTANTS_FOR),--for $(MUTANTS_FOR)) --out docs/mutants.md

mutants-quick: ## the same with the quick ones only
	go run ./cmd/holdfast sim mutants --quick

shrink-mutants: ## plant the bugs SHRINK_MUTANTS (all that seeds find), shrink what shows them, and write docs/shrinking.md
	go run ./cmd/holdfast sim shrink $(if $(SHRINK_MUTANTS),--mutant $(SHRINK_MUTANTS),--all-mutants) --out docs/shrinking.md

explore: ## search all schedules of small groups within the larger bounds of docs/explorer.md (hours)
	HOLDFAST_EXPLORE=large go test -count=1 -v -timeout=24h -run 'TestExplore' ./raft

zones: ## compare checker/zone with porcupine over ZONE_HISTORIES (1200000) histories
	HOLDFAST_ZONE_HISTORIES=$${ZONE_HISTORIES:-1200000} go test -count=1 -v -timeout=60m -run Porcupine ./checker/zone

bench: ## measure a cluster of this machine
	go run ./cmd/holdfast bench

live: ## attack real processes on this machine
	HOLDFAST_LIVE_SOAK=$${HOLDFAST_LIVE_SOAK:-10m} go test -count=1 -v -timeout=60m ./testsuite/live

live-etcd: ## attack etcd as Holdfast is attacked (a module of its own, testsuite/live/etcd)
	cd testsuite/live/etcd && go test -count=1 -v -timeout=10m ./...

live-snapshot: ## stream a snapshot of more than a gigabyte to a real process, and measure the group's pace meanwhile
	HOLDFAST_LIVE_SNAPSHOT_MIB=$${HOLDFAST_LIVE_SNAPSHOT_MIB:-1100} go test -count=1 -v -timeout=30m -run Pace ./testsuite/live

week: ## simulate a week of steady writes, and see that what a node holds stays flat
	HOLDFAST_WEEK=$${HOLDFAST_WEEK:-168h} go test -count=1 -v -timeout=60m -run Flat ./testsuite/week
