// Package coldstart measures how long the functions' process takes from its
// start to its first answer, against a bare functions-framework program.
package coldstart

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// A Program is one side of a comparison.
type Program struct {
	Path string   // of the binary
	Env  []string // of the process, PORT left out
	Ask  string   // path and query of the request
	Want int      // its status
}

// Compare starts the programs by turns, n times each, and returns the median
// time of each from the process' start to its first answer. What else the
// machine does so meets all.
func Compare(ctx context.Context, n int, programs ...Program) ([]time.Duration, error) {
	times := make([][]time.Duration, len(programs))
	for round := range n {
		for turn := range programs {
			which := turn
			if round%2 == 1 { // a b c c b a: none always runs after the same other
				which = len(programs) - 1 - turn
			}
			took, err := FirstAnswer(ctx, programs[which])
			if err != nil {
				return nil, err
			}
			times[which] = append(times[which], took)
		}
	}
	medians := make([]time.Duration, len(programs))
	for i := range times {
		medians[i] = median(times[i])
	}
	return medians, nil
}

func median(ds []time.Duration) time.Duration {
	slices.Sort(ds)
	return ds[len(ds)/2]
}

// FirstAnswer starts p, asks it until it answers, and ends it.
func FirstAnswer(ctx context.Context, p Program) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	port, err := freePort(ctx)
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, p.Path)
	cmd.Env = append([]string{"PORT=" + port}, p.Env...)
	cmd.WaitDelay = 10 * time.Second
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start %s: %w", p.Path, err)
	}
	defer func() {
		cancel()
		_ = cmd.Wait() // it was killed
	}()
	status, body, err := ask(ctx, &client, "127.0.0.1:"+port, p.Ask)
	took = time.Since(begin)
	if err != nil {
		return 0, fmt.Errorf("%s does not answer: %w", p.Path, err)
	}
	if status != p.Want {
		return 0, fmt.Errorf("%s answered %s with %d %s, not with %d", p.Path, p.Ask, status, body, p.Want)
	}
	return took, nil
}

// askEvery is how often a process that does not listen yet is asked again. A
// refused connection costs some 50 us.
const askEvery = 500 * time.Microsecond

func ask(ctx context.Context, client *http.Client, host, path string) (status int, body []byte, err error) {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+path, nil)
		if err != nil {
			return 0, nil, err
		}
		resp, err := client.Do(req)
		if err == nil {
			body, err = io.ReadAll(resp.Body)
			resp.Body.Close()
			return resp.StatusCode, body, err
		}
		select {
		case <-time.After(askEvery):
		case <-ctx.Done():
			return 0, nil, errors.Join(ctx.Err(), err)
		}
	}
}

func freePort(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// module is where the programs are, from the root of the repository.
const module = "github.com/BlockRunAI/worker-network/functions/local/bench/coldstart/"

// Flags are those of the deployed functions' build (build_config in
// terraform/modules/function): without gRPC's xDS, which the Spanner and
// Storage clients otherwise link for a direct path that functions do not have,
// and without gRPC's tracing pages. A function's own has OneFunction and its
// name in lower case behind them.
const (
	Flags       = "-tags=disable_grpc_modules,grpcnotrace"
	OneFunction = ",one_function,"
)

// Programs are the paths of what is compared.
type Programs struct {
	Hello   string // the least that the framework can serve
	Floor   string // Hello, with the Spanner client linked and not used
	Network string // GetTasks
}

// Build builds the programs into dir.
func Build(ctx context.Context, dir string) (Programs, error) {
	p := Programs{Hello: filepath.Join(dir, "hello"), Floor: filepath.Join(dir, "floor"), Network: filepath.Join(dir, "network")}
	for _, b := range []struct{ path, source, flags string }{
		{p.Hello, "hello", Flags}, {p.Floor, "hello", Flags + ",with_spanner"}, {p.Network, "network", Flags + OneFunction + "gettasks"},
	} {
		cmd := exec.CommandContext(ctx, "go", "build", b.flags, "-o", b.path, module+b.source)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return Programs{}, fmt.Errorf("go build %s: %w", filepath.Base(b.path), err)
		}
	}
	return p, nil
}
