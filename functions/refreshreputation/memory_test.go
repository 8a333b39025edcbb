package refreshreputation

import (
	"compress/gzip"
	"context"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spendlog"
	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// streams are large gzipped logs that are made while they are read.
type streams struct {
	size int64
	read atomic.Int64
}

func (s *streams) List(context.Context, string) (out []Object, err error) {
	for day := range 4 {
		out = append(out, Object{Name: spendlog.Name(now.AddDate(0, 0, day), 0, true), Generation: int64(day + 1)})
	}
	return out, nil
}

func (s *streams) Open(_ context.Context, o Object, _ int64) (io.ReadCloser, error) {
	r, w := io.Pipe()
	go func() {
		z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
		n, err := spendlog.New(spendlog.Options{Seed: uint64(o.Generation), Wallets: 100_000}).Write(z, s.size)
		s.read.Add(n)
		_ = z.Close()
		_ = w.CloseWithError(err)
	}()
	z, err := gzip.NewReader(r)
	return readCloser{z, r}, err
}

// forgetful takes pieces and keeps the logs alone.
type forgetful struct{ *store }

func (f forgetful) StageSpend(ctx context.Context, fence spannerdb.Fence, l reputation.SpendLog, _ []reputation.WalletTotal, at time.Time) error {
	return f.store.StageSpend(ctx, fence, l, nil, at)
}

// Several large logs at once, of more wallets than a piece may have, stay
// within bounds that do not depend on their size.
func TestMemory(t *testing.T) {
	f := start(t, nil)
	logs := &streams{size: 16 << 20}
	f.deps.Logs, f.deps.Staging = logs, forgetful{f.store}
	f.deps.Piece, f.deps.Parallel = piece, parallel
	f.handler = New(f.deps)
	runtime.GC()
	var most atomic.Uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most.Store(max(most.Load(), m.HeapInuse+m.StackInuse))
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	code, s := f.call(t)
	close(stop)
	<-done
	if code != 200 || s.Read != 4 || logs.read.Load() < 4*logs.size {
		t.Fatalf("answer %d %+v after %d bytes", code, s, logs.read.Load())
	}
	t.Logf("%d MB of logs, at most %d MB in use", logs.read.Load()>>20, most.Load()>>20)
	if most.Load() > 256<<20 {
		t.Errorf("%d MB in use", most.Load()>>20)
	}
}
