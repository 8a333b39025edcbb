package workerbench

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/BlockRunAI/worker-network/functions/local/release"
)

// buildHost makes the worker for this machine alone, and the bare GET.
func (b *bench) buildHost(ctx context.Context) error {
	config, err := release.Load(b.root)
	if err != nil {
		return err
	}
	b.worker = filepath.Join(b.dir, "worker-cli")
	if err := config.Make(ctx, b.root, b.worker, release.Target{OS: runtime.GOOS, Arch: runtime.GOARCH}, release.Stamp{}); err != nil {
		return err
	}
	return b.buildGet(ctx)
}

// The bare GET and the worker work on the same network, and are counted; what
// fails is said.
func TestChecks(t *testing.T) {
	if testing.Short() {
		t.Skip("left out under -short: builds the worker")
	}
	dir := t.TempDir()
	b := &bench{root: "../../../..", dir: dir, notes: io.Discard}
	if err := b.buildHost(t.Context()); err != nil {
		t.Fatal(err)
	}
	n, err := newNetwork(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	for _, p := range []peer{n.get(b.get, b.home(), 20), n.worker(b.worker, b.home(), "10ms")} {
		cpu, err := n.checks(t.Context(), p, 20)
		if err != nil || cpu <= 0 || n.bytes.Load() < 20*bodySize {
			t.Errorf("%s: %v for %d bytes, %v", p.name, cpu, n.bytes.Load(), err)
		}
	}
	if took, err := n.firstPoll(t.Context(), n.worker(b.worker, b.home(), "1s")); err != nil || took <= 0 {
		t.Errorf("first poll after %v, %v", took, err)
	}
	bad := n.worker(b.worker, b.home(), "never")
	if _, err := n.checks(t.Context(), bad, 1); err == nil || !strings.Contains(err.Error(), "--interval") {
		t.Errorf("a worker that does not start: %v", err)
	}
	if p, err := n.node(filepath.Join(dir, "nothing"), b.home(), "10"); err == nil {
		t.Errorf("a loop that is not there: %+v", p)
	}
	if resp, err := http.Post(n.api+"/api/v1/worker/results", "application/json", strings.NewReader("[]")); err != nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("nothing submitted: %v, %v", resp, err)
	}
}

func TestTable(t *testing.T) {
	got := Table([]Figure{{Name: "worker.idle_rss", Value: 16.04, Max: 25}, {Name: "worker.idle_rss_node", Value: 80}, {Name: "worker.bytes_per_check", Value: 6000}})
	want := "| | worker-cli | at most | fetch and viem in Node |\n|---|---|---|---|\n| memory while there is nothing to check | 16.0 MB | 25 | 80.0 MB |\n| on the wire per check, polling and submitting included | 6000 bytes |  |  |\n"
	if got != want {
		t.Errorf("got\n%s", got)
	}
	if m := middle([]float64{3, 1, 2}); m != 2 {
		t.Error(m)
	}
}
