// Package view shows a worker at work on a terminal: its checks and their
// latencies, what it has earned, what is pending and when it is paid next, and
// the last thing that went wrong. State is pure: it is told of events and of
// the clock, and says what to show. Live draws it with Bubble Tea.
package view

import (
	"fmt"
	"slices"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/runner"
)

// Worker is what does not change while it runs.
type Worker struct {
	Address  string // that is paid
	Wallet   string // the file, or the variable, that the key came from
	API      string
	Region   string
	Interval time.Duration
	Warnings []string // of things that its user should not overlook
	Started  time.Time
}

const (
	keptChecks    = 100 // that the latencies are of
	keptLatencies = 32  // that are drawn
)

// State is what has happened so far. It is not safe for concurrent use.
type State struct {
	worker Worker

	polledAt time.Time // the last poll that was answered
	checks   []seen    // the latest ones, the latest last
	up, down int
	earned   client.Micros // since the start
	accepted int

	books    *api.WorkerStatus // as the network last told
	since    client.Micros     // earned since then
	problem  string
	troubled time.Time // when problem was
	healed   bool      // the API has answered since

	stopping bool
}

// seen is one check and when it was done.
type seen struct {
	runner.Check
	at time.Time
}

// New is the state of a worker that has just been started.
func New(w Worker) *State { return &State{worker: w} }

// Event takes what happened at that time. Events that are not shown are left out.
func (s *State) Event(e runner.Event, at time.Time) {
	switch e := e.(type) {
	case runner.Poll:
		s.polledAt, s.healed = at, true
	case runner.Check:
		s.check(e, at)
	case runner.Submitted:
		s.earned, s.accepted = e.Total, s.accepted+e.Accepted
		s.since += e.Earned
		s.healed = true
		for _, n := range e.NotPaid {
			if n.Status == api.Rejected { // discarded is no problem: somebody else was first
				s.trouble(at, "not paid: "+joined(n.TaskID, n.Reason))
			}
		}
	case runner.Refused:
		s.trouble(at, "not checked: "+joined(e.TaskID, e.Reason))
	case runner.Problem:
		s.trouble(at, fmt.Sprintf("%s; trying again in %v%s", e.Error, e.RetryIn().Round(time.Second), kept(e.Waiting)))
		s.healed = false
	case runner.Withheld:
		s.trouble(at, fmt.Sprintf("%s failed, and nothing is said of their targets: %s", counted(e.Checks, "check"), e.Reason))
	case runner.Note:
		s.trouble(at, e.About+": "+e.Text)
	case runner.Dropped:
		s.trouble(at, fmt.Sprintf("gave up %s: %s", counted(e.Results, "result"), e.Reason))
	}
}

func (s *State) check(e runner.Check, at time.Time) {
	s.checks = append(s.checks, seen{e, at})
	s.checks = slices.Delete(s.checks, 0, max(0, len(s.checks)-keptChecks))
	if e.Success {
		s.up++
		return
	}
	s.down++
}

func (s *State) trouble(at time.Time, what string) { s.problem, s.troubled = what, at }

// Books takes what the network has just told of the worker's earnings.
func (s *State) Books(b api.WorkerStatus) { s.books, s.since = &b, 0 }

// Stopping notes that the worker submits what it has and then ends.
func (s *State) Stopping() { s.stopping = true }

// pending is what is in no payout yet: as the network told, and what was
// earned since.
func (s *State) pending() client.Micros { return client.Micros(s.books.Pending.Micros) + s.since }

// nextPayout is how long the rest of the next payout takes at the pace of this
// run; ok is false while there is none to reckon with.
func (s *State) nextPayout(now time.Time) (in time.Duration, ok bool) {
	missing := client.Micros(s.books.Threshold.Micros) - s.pending()
	ran := now.Sub(s.worker.Started)
	if s.earned <= 0 || ran < time.Second || s.books.Threshold.Micros <= 0 {
		return 0, false
	}
	if missing <= 0 {
		return 0, true
	}
	const longest = 1000 * 24 * time.Hour
	days := float64(missing) / float64(s.earned) * float64(ran)
	return time.Duration(min(days, float64(longest))), true
}

// latencies are those of the latest checks that were answered, in ms.
func (s *State) latencies() []int64 {
	var ms []int64
	for _, c := range s.checks {
		if c.StatusCode != 0 {
			ms = append(ms, c.ResponseTimeMs)
		}
	}
	return ms
}

// quantile is the smallest value that at least that part of values does not
// exceed; values is not empty.
func quantile(values []int64, part float64) int64 {
	sorted := slices.Sorted(slices.Values(values))
	i := int(part*float64(len(sorted)) + 0.999999)
	return sorted[min(max(i-1, 0), len(sorted)-1)]
}

func joined(task, reason string) string {
	if task == "" {
		return reason
	}
	return task + ": " + reason
}

func kept(waiting int) string {
	if waiting == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s kept for then)", counted(waiting, "result"))
}

func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
