package lease

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

var noon = time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)

// book is one lease.
type book struct {
	owner   string
	until   time.Time
	release error // of ReleaseLease
}

func (b *book) TakeLease(_ context.Context, name, owner string, now time.Time, ttl time.Duration) error {
	if name != "job" {
		return errors.New("another job's lease")
	}
	if b.owner != "" && now.Before(b.until) {
		return ledger.ErrLeased
	}
	b.owner, b.until = owner, now.Add(ttl)
	return nil
}

func (b *book) ReleaseLease(ctx context.Context, name, owner string) error {
	if err := errors.Join(ctx.Err(), b.release); err != nil {
		return err
	}
	if name == "job" && owner == b.owner {
		b.owner = ""
	}
	return nil
}

func TestHold(t *testing.T) {
	var said strings.Builder
	log := slog.New(slog.NewTextHandler(&said, nil))
	ctx, cancel := context.WithCancel(t.Context())
	b := &book{}
	release, err := Hold(ctx, b, "job", "first", noon, time.Minute, log)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Hold(ctx, b, "job", "second", noon.Add(59*time.Second), time.Minute, log); !errors.Is(err, ledger.ErrLeased) {
		t.Errorf("a second one while the first holds it: %v", err)
	}
	cancel() // the request is over; the lease is given back all the same
	release()
	if b.owner != "" || said.Len() > 0 {
		t.Errorf("released, it is still of %q; the log says %s", b.owner, said.String())
	}

	release, err = Hold(t.Context(), b, "job", "third", noon, time.Minute, log)
	if err != nil {
		t.Fatal(err)
	}
	b.release = errors.New("no database")
	release()
	if !strings.Contains(said.String(), "no database") || !strings.Contains(said.String(), "lease=job") {
		t.Errorf("it could not be given back, and the log says %q", said.String())
	}
}
