package reputation

import (
	"bytes"
	"testing"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spendlog"
)

// BenchmarkRead is the reader alone, on a usual log.
func BenchmarkRead(b *testing.B) {
	var log bytes.Buffer
	if _, err := spendlog.New(spendlog.Options{Seed: 1}).Write(&log, 8<<20); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(log.Len()))
	for b.Loop() {
		if _, err := all(DefaultAdapter(), bytes.NewReader(log.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
}
