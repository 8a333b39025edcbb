# Tools are pinned here and run through the module proxy: nothing to install but Go.
GOLANGCI := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.14.0
GOVULNCHECK := go run golang.org/x/vuln/cmd/govulncheck@v1.8.0

.PHONY: demo local test short race lint vuln bench costs worker-table picture ci

demo:  ## the whole network once, on this machine, to a verified payout
	go run ./functions/local demo

local: ## the whole network, until Ctrl-C
	go run ./functions/local

test:  ## everything; starts what it needs
	go test ./...

short: ## what needs no emulator
	go test -short ./...

race:
	go test -race ./...

lint:  ## vet, gofmt, staticcheck and the import rules
	go vet ./...
	test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }
	$(GOLANGCI) run ./...

vuln:  ## known vulnerabilities; needs vuln.go.dev
	$(GOVULNCHECK) ./...

bench: ## the project's figures: name value unit target
	go run ./functions/local/bench

costs: ## docs/costs.md, from measured gas; docs/spanner-cost.md, from counted reads and writes
	go run ./functions/local/bench -costs >docs/costs.md
	go run ./functions/local/spannercost >docs/spanner-cost.md

worker-table: ## the table of docs/worker.md, measured
	go run ./functions/local/bench -worker-table

picture: ## docs/worker.svg: the view of a worker on a network on this machine
	go run ./functions/local/picture

ci:
	.ci/run
