package refreshreputation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"

	"github.com/BlockRunAI/worker-network/shared/reputation"
)

// ErrMostlyBroken means that more than half of a file's lines could not be
// read. The adapter's field names do not fit it, most likely, and no tier may
// change because of that.
var ErrMostlyBroken = errors.New("most lines cannot be read; check the field names of the log adapter")

// logPrefix and dayFile say which objects are logs (product.md, Reputation).
const logPrefix = "llm-calls/"

var dayFile = regexp.MustCompile(`^llm-calls/\d{4}-\d{2}-\d{2}\.jsonl$`)

// refresh adds up all logs, and only then stores what they add up to.
func (h handler) refresh(ctx context.Context) (Summary, error) {
	if err := h.Adapter.Validate(); err != nil {
		return Summary{}, err
	}
	names, err := h.Logs.List(ctx, logPrefix)
	if err != nil {
		return Summary{}, err
	}
	names = slices.DeleteFunc(names, func(n string) bool { return !dayFile.MatchString(n) })
	all := reputation.NewTally()
	for _, name := range names {
		t, err := h.read(ctx, name)
		if err != nil {
			return Summary{}, err
		}
		if err := all.Merge(t); err != nil {
			return Summary{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	standings := all.Standings()
	if err := h.Store.UpsertStandings(ctx, standings, h.Now()); err != nil {
		return Summary{}, err
	}
	return Summary{Files: len(names), Lines: all.Lines, Broken: all.Broken, Rounded: all.Rounded, Wallets: len(standings)}, nil
}

// read tallies one object.
func (h handler) read(ctx context.Context, name string) (*reputation.Tally, error) {
	r, err := h.Logs.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	t := reputation.NewTally()
	if err := h.Adapter.ReadLog(r, t); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if t.Broken > 0 {
		h.Log.WarnContext(ctx, "broken lines in a spend log", slog.String("file", name),
			slog.Int64("broken", t.Broken), slog.Int64("lines", t.Lines), slog.Any("samples", t.Samples))
	}
	if t.MostlyBroken() {
		return nil, fmt.Errorf("%s: %d of %d lines: %w", name, t.Broken, t.Lines, ErrMostlyBroken)
	}
	return t, nil
}
