// Package lease lets one instance at a time do a job that several may be
// called for. It saves work and no more: nothing may depend on a lease for
// being right, since its owner may outlive it.
package lease

import (
	"context"
	"log/slog"
	"time"
)

// Store keeps leases.
type Store interface {
	// TakeLease makes owner the only one to do what name stands for, until
	// now + ttl. Error: ledger.ErrLeased while it is another's.
	TakeLease(ctx context.Context, name, owner string, now time.Time, ttl time.Duration) error
	// ReleaseLease does nothing when the lease is another's or gone.
	ReleaseLease(ctx context.Context, name, owner string) error
}

const releaseTime = 10 * time.Second

// Hold takes a lease, and release gives it back, also when ctx has ended by
// then. One that cannot be given back is logged, and ends by itself. Error:
// that of TakeLease; ledger.ErrLeased means success for a scheduled job, for
// another instance is at it.
func Hold(ctx context.Context, s Store, name, owner string, now time.Time, ttl time.Duration, log *slog.Logger) (release func(), err error) {
	if err := s.TakeLease(ctx, name, owner, now, ttl); err != nil {
		return nil, err
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
		defer cancel()
		if err := s.ReleaseLease(ctx, name, owner); err != nil {
			log.WarnContext(ctx, "lease not given back; it ends by itself", slog.String("lease", name), slog.Any("error", err))
		}
	}, nil
}
