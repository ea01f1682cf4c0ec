# Everything a user or a developer runs. Each target sets up what it needs; see hack/toolchain.sh for Go itself.

GO     = $(shell sh hack/toolchain.sh)
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS = -s -w -X github.com/saker-security/saker/pkg/daemon.Version=$(VERSION)

.PHONY: run build agent-bcc test e2e-kube lint generate check-generated bench clean

## run: build, then start the audit receiver and, where kernel and rights allow, the system call sensor
run: build
	@sh hack/welcome.sh
	@exec ./bin/saker run $(ARGS)

## build: the default program, one static file
build:
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/saker ./cmd/saker

## agent-bcc: the program with the BCC driver (cgo, libbpfcc, kernel headers)
agent-bcc:
	@sh pkg/syscall/driver/bcc/setup.sh
	@CGO_ENABLED=1 $(GO) build -tags bcc -trimpath -ldflags '$(LDFLAGS)' -o bin/saker-bcc ./cmd/saker

## test: everything that can be tested on this machine
test:
	@GO=$(GO) sh test/run.sh

## e2e-kube: a real kube-apiserver sends its audit events to the program while clients attack it; ARGS go to the test
e2e-kube: build
	@GO=$(GO) sh test/kube/run.sh $(ARGS)

## lint: go vet, gofmt and golangci-lint
lint:
	@GO=$(GO) sh test/lint.sh

## generate: rebuild the parser, the BPF objects and the generated documents from their sources
generate:
	@GO=$(GO) sh hack/generate.sh

## check-generated: fail when something committed differs from what generate makes
check-generated:
	@GO=$(GO) sh hack/check-generated.sh

## bench: the figures of docs/performance.md
bench:
	@GO=$(GO) sh hack/bench.sh

clean:
	rm -rf bin
