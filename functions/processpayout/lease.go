package processpayout

import (
	"context"
	"log/slog"
	"time"
)

// hold takes a lease; release gives it back. A lease that cannot be given back
// ends by itself. Error: ledger.ErrLeased while it is another's.
func hold(ctx context.Context, leases Leases, name, owner string, now time.Time, ttl time.Duration, log *slog.Logger) (release func(), err error) {
	if err := leases.TakeLease(ctx, name, owner, now, ttl); err != nil {
		return nil, err
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err := leases.ReleaseLease(ctx, name, owner); err != nil {
			log.WarnContext(ctx, "lease not given back", slog.String("lease", name), slog.Any("error", err))
		}
	}, nil
}
