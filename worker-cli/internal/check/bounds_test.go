package check

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// What a hostile body may cost: a second and a few buffers.

func TestGzipBomb(t *testing.T) {
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	block := make([]byte, 1<<20)
	for range 64 {
		_, _ = w.Write(block)
	}
	w.Close()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	})
	if grown := cost(t, url); grown > 4<<20 {
		t.Errorf("a gzip bomb made the worker allocate %d bytes", grown)
	}
}

func TestEndlessBody(t *testing.T) {
	var sent atomic.Int64
	done := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		block := make([]byte, 32<<10)
		for {
			n, err := w.Write(block)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	if grown := cost(t, url); grown > 4<<20 {
		t.Errorf("an endless body made the worker allocate %d bytes", grown)
	}
	<-done
	if n := sent.Load(); n > 32<<20 { // what the kernel's buffers took
		t.Errorf("the server got rid of %d bytes", n)
	}
}

// A body that trickles does not hold up the result; its status stands.
func TestSlowBody(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, r *http.Request) { // without end: a check that returns has hung up
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte("."))
			w.(http.Flusher).Flush()
			time.Sleep(20 * time.Millisecond)
		}
	})
	patient := task(url)
	patient.TimeoutMs = 60_000
	start := time.Now()
	seen, err := open().Check(t.Context(), patient)
	if err != nil || !seen.Success {
		t.Errorf("got %+v, %v", seen, err)
	}
	took := time.Since(start)
	if took > 30*time.Second {
		t.Errorf("took %v: only the task's own timeout ended it", took)
	}
	// However slow this machine is, the body took as long as it may.
	if took-seen.ResponseTime < maxBodyTime {
		t.Errorf("of %v, %v were taken for the answer's", took, seen.ResponseTime)
	}
}

// cost is how many bytes are allocated in this process during one check,
// server and all.
func cost(t *testing.T, url string) uint64 {
	t.Helper()
	c := open()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	seen, err := c.Check(t.Context(), task(url))
	runtime.ReadMemStats(&after)
	if err != nil || !seen.Success {
		t.Fatalf("got %+v, %v", seen, err)
	}
	return after.TotalAlloc - before.TotalAlloc
}
