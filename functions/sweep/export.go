package sweep

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/BlockRunAI/worker-network/functions/internal/lease"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

// PartStore is where accepted results wait for the result log.
type PartStore interface {
	// OpenResultParts are reserved parts that are not closed, by id.
	OpenResultParts(ctx context.Context, after string, limit int) ([]resultlog.Part, error)
	ReserveResultParts(ctx context.Context, now time.Time, maxBytes int) ([]resultlog.Part, error)
	CloseResultPart(ctx context.Context, id string, now time.Time) error
}

// Archive is where the files of the result log are kept for ever.
type Archive interface {
	// Create writes a file that is not there yet. One with the same content is
	// success, another one ErrDiffers.
	Create(ctx context.Context, name string, content []byte) error
}

// ErrDiffers means that a file of the result log has another content than the
// database says. It is not overwritten, and its results stay in the database:
// find out who wrote the file, and move it away.
var ErrDiffers = errors.New("a file of the result log has another content")

// ResultLog exports accepted results: reserve a part, write its file, close
// the part. A part that was not closed is written again: its name and content
// are fixed by the reservation, so that nothing can be there twice.
type ResultLog struct {
	Parts     PartStore
	Leases    lease.Store
	Archive   Archive
	Now       func() time.Time
	NewID     func() string // of the lease's owner
	LeaseTTL  time.Duration // longer than Budget and one file
	Budget    time.Duration // after it no part is begun; the next export goes on
	PartBytes int           // a part ends with the submission that brings it there
	Log       *slog.Logger
}

// Exported is what one export did.
type Exported struct {
	Parts          int   `json:"parts"`   // files that were written, or found written, and closed
	Results        int64 `json:"results"` // in them
	More           bool  `json:"more,omitempty"`
	AlreadyRunning bool  `json:"alreadyRunning,omitempty"`
}

const (
	leaseName = "result-log"
	openPage  = 4 // open parts in memory at a time
)

// Export brings what waits into the log, and first what an earlier export left
// open. After an error everything that is not closed is done by the next one.
func (l ResultLog) Export(ctx context.Context) (Exported, error) {
	release, err := lease.Hold(ctx, l.Leases, leaseName, l.NewID(), l.Now(), l.LeaseTTL, l.Log)
	if errors.Is(err, ledger.ErrLeased) {
		return Exported{AlreadyRunning: true}, nil
	}
	if err != nil {
		return Exported{}, err
	}
	defer release()
	e := export{ResultLog: l, until: l.Now().Add(l.Budget)}
	err = e.open(ctx)
	if err == nil {
		err = e.fresh(ctx)
	}
	return e.done, errors.Join(err, e.differs)
}

// export is one run.
type export struct {
	ResultLog
	until   time.Time
	done    Exported
	differs error // of all files that differ
}

// open goes on with the parts that are reserved already.
func (e *export) open(ctx context.Context) error {
	for after := ""; ; {
		parts, err := e.Parts.OpenResultParts(ctx, after, openPage)
		if err != nil || len(parts) == 0 {
			return err
		}
		if err := e.write(ctx, parts); err != nil || e.done.More {
			return err
		}
		after = parts[len(parts)-1].ID
	}
}

// fresh reserves what waits, until nothing does.
func (e *export) fresh(ctx context.Context) error {
	for !e.late() {
		parts, err := e.Parts.ReserveResultParts(ctx, e.Now(), e.PartBytes)
		if err != nil || len(parts) == 0 {
			return err
		}
		if err := e.write(ctx, parts); err != nil {
			return err
		}
	}
	return nil
}

// write writes parts and closes them. A file that differs stops no other.
func (e *export) write(ctx context.Context, parts []resultlog.Part) error {
	for _, p := range parts {
		if e.late() {
			return nil
		}
		err := e.Archive.Create(ctx, p.Name(), p.Content)
		if errors.Is(err, ErrDiffers) {
			e.Log.ErrorContext(ctx, "a file of the result log has another content than the database says",
				slog.String("file", p.Name()), slog.Int64("results", p.Results), slog.Any("error", err))
			e.differs = errors.Join(e.differs, err)
			continue
		}
		if err != nil {
			return err
		}
		if err := e.Parts.CloseResultPart(ctx, p.ID, e.Now()); err != nil {
			return err
		}
		e.done.Parts++
		e.done.Results += p.Results
	}
	return nil
}

// late reports whether the time for this export is used up, and notes that
// there may be more to do.
func (e *export) late() bool {
	late := !e.Now().Before(e.until)
	e.done.More = e.done.More || late
	return late
}
