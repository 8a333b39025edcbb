package runner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/BlockRunAI/worker-network/worker-cli/internal/check"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
)

// Line asks whether this machine itself is well connected.
type Line interface {
	// Reach asks for any answer of the API's host, over a new connection.
	Reach(ctx context.Context) error
	// Resolve asks the name servers for an answer that is no cache's;
	// client.ErrNoName when there is no name to ask about.
	Resolve(ctx context.Context) error
}

// doubtful reports whether a failure could be this machine's own: it is
// offline, its name server is down, or a login page answers for everybody. An
// answer over https is the target's for certain.
func doubtful(c checked) bool {
	return !c.seen.Success && (c.seen.StatusCode == 0 || !isHTTPS(c.task.URL))
}

func isHTTPS(url string) bool { return strings.HasPrefix(strings.ToLower(url), "https:") }

func (c checked) end() time.Time { return c.seen.At.Add(c.seen.Timings.Total) }

// witness notes what a check proves of this machine's line.
func (r *Runner) witness(c checked) {
	if c.seen.Success && isHTTPS(c.task.URL) && c.end().After(r.onlineAt) {
		r.onlineAt = c.end()
	}
	if c.seen.Timings.DNS > 0 && c.seen.Timings.Connect > 0 && c.end().After(r.namesAt) {
		r.namesAt = c.end()
	}
}

// vouch decides about the doubtful failures: one counts when this machine
// could do, after the target had failed, what the target did not answer to.
// Otherwise nothing is said, and the assignment ends by itself.
func (r *Runner) vouch(ctx context.Context) {
	doubts := r.doubts
	r.doubts = nil
	proof := proof{r: r}
	withheld := map[string]int{}
	for _, c := range doubts {
		if reason := proof.against(ctx, c); reason != "" {
			withheld[reason]++
			continue
		}
		r.accept(c)
	}
	for reason, n := range withheld {
		r.Emit(Withheld{Checks: n, Reason: reason})
	}
}

// proof is what is known of the line; it is asked for when it is needed, once.
type proof struct {
	r       *Runner
	reach   *error
	resolve *error
}

// against is why c does not count, or "".
func (p *proof) against(ctx context.Context, c checked) string {
	if p.r.onlineAt.Before(c.end()) {
		if err := once(&p.reach, func() error { return p.r.Line.Reach(ctx) }); err != nil {
			return fmt.Sprintf("this machine seems to be offline: %v", err)
		}
	}
	if !unresolved(c) || p.r.namesAt.After(c.end()) {
		return ""
	}
	err := once(&p.resolve, func() error { return p.r.Line.Resolve(ctx) })
	switch {
	case errors.Is(err, client.ErrNoName) && !p.r.namesAt.IsZero() && p.r.namesAt.After(c.seen.At.Add(-time.Minute)):
		return "" // the next best: a name was found shortly before
	case err != nil:
		return fmt.Sprintf("this machine's name server does not answer: %v", err)
	}
	return ""
}

func once(known **error, ask func() error) error {
	if *known == nil {
		err := ask()
		*known = &err
	}
	return **known
}

// unresolved reports whether a name server did not answer. That there is no
// such name is an answer.
func unresolved(c checked) bool {
	if c.seen.Class == check.DNS {
		return c.seen.Error != check.NoSuchHost
	}
	return c.seen.Class == check.Timeout && c.seen.Timings.DNS > 0 && c.seen.Timings.Connect == 0
}
