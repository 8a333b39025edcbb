package schedule

import (
	"slices"
	"time"
)

// SlotKind is what a worker was when it took a slot.
type SlotKind int64

// The kinds of slots. What is not known is untrusted.
const (
	UntrustedSlot SlotKind = iota
	TrustedSlot
	BackupSlot
)

// When a slot opens to whom. Parts are of the task's window.
const (
	// keepPart of a window is kept for the tiers of the task's class, at most
	// keepAtMost: long enough that a third of the tier's workers, who poll every
	// 30 s, come by; short enough that three quarters are left to all others.
	keepPart   = 4
	keepAtMost = 10 * time.Second

	// A reliable worker has hedgePart of a window, at most hedgeAtMost, for
	// itself: a check's timeout is 10 s, and most take less than one. Then the
	// other slots open, while there is time left. Who is not known to be reliable
	// never keeps others away.
	hedgePart   = 3
	hedgeAtMost = 10 * time.Second

	// After half of a window without a check it is at risk, and backups are
	// asked. A reliable worker that began just before is waited for, but not
	// beyond lastCall: the last third is left to a backup that polls every few
	// seconds.
	riskPart   = 2
	lastCallOf = 3
)

// Offer is when the task can next be handed out, to whom: the keys of the due
// queues. A zero time is never.
type Offer struct {
	OfferAt  time.Time // to any worker
	EarlyAt  time.Time // before OfferAt, to those of Lane
	Lane     Lane      // "" when EarlyAt is zero
	BackupAt time.Time // to backups
}

// Lane is who may have a task earlier than everybody: those of a class's
// tiers and above (the lane is named like the class), or trusted workers.
type Lane string

// TrustedLane is for workers that are trusted: the slots for others are held.
const TrustedLane Lane = "trusted"

// Lanes are those that w may take tasks from, beside what is offered to all.
func Lanes(w *Worker) []Lane {
	var out []Lane
	if w.Backup {
		return nil
	}
	for _, c := range []Class{Enterprise, HighValue, Priority} {
		if w.Tier.Rank() >= c.rank() {
			out = append(out, Lane(c))
		}
	}
	if w.Trusted() {
		out = append(out, TrustedLane)
	}
	return out
}

// offer sets anew when the task can be handed out, after anything about it
// changed. What is offered now is offered at now, so that it stands behind
// what nobody holds yet.
func (t *Task) offer(now time.Time) {
	t.Offer = Offer{}
	if !t.Active {
		return
	}
	due := later(now, t.DueAt)
	kept := later(due, t.keptUntil())
	t.OfferAt = t.opening(UntrustedSlot, kept)
	if first := t.opening(UntrustedSlot, due); t.Class.rank() > 0 && first.Before(kept) {
		t.EarlyAt, t.Lane = first, Lane(t.Class)
	} else if trusted := t.opening(TrustedSlot, kept); trusted.Before(t.OfferAt) {
		t.EarlyAt, t.Lane = trusted, TrustedLane
	}
	if t.Guaranteed() {
		t.BackupAt = t.opening(BackupSlot, later(due, t.riskAt()))
	}
}

// keptUntil is when a task of a class is opened to all tiers.
func (t *Task) keptUntil() time.Time {
	if t.Class.rank() == 0 {
		return t.DueAt
	}
	return t.DueAt.Add(min(t.Window()/keepPart, keepAtMost))
}

func (t *Task) riskAt() time.Time { return t.DueAt.Add(t.Window() / riskPart) }

func (t *Task) lastCall() time.Time { return t.DueAt.Add(t.Window() - t.Window()/lastCallOf) }

// opening is the first moment, not before from, at which a worker of that kind
// that has not had this cycle could be given a slot, if nothing else happens.
// from is not before the task is due, nor, for a backup, before it is at risk.
func (t *Task) opening(kind SlotKind, from time.Time) time.Time {
	at := from
	for {
		free, next := t.free(kind, at)
		if free {
			return at
		}
		at = next
	}
}

// free says whether a slot is free at that moment, and if not, when to look
// again.
func (t *Task) free(kind SlotKind, at time.Time) (free bool, next time.Time) {
	next = at.Add(365 * 24 * time.Hour) // there is always a hold that ends before
	look := func(when time.Time) {
		if when.After(at) && when.Before(next) {
			next = when
		}
	}
	hedged := false
	count := map[SlotKind]int{}
	for _, s := range t.live(at) {
		count[s.Kind]++
		look(s.ExpiresAt)
		if until := t.hedgedUntil(s, kind); until.After(at) {
			hedged = true
			look(until)
		}
	}
	ordinary := SlotsPerCycle // slots for workers that are no backups
	if t.Guaranteed() {
		ordinary-- // one stays free for a backup
	}
	all := count[UntrustedSlot] + count[TrustedSlot] + count[BackupSlot]
	taken := all - count[BackupSlot]
	switch {
	case hedged || all >= SlotsPerCycle:
		return false, next
	case kind == BackupSlot:
		return true, at
	case kind == TrustedSlot:
		return taken < ordinary, next
	default: // one of the slots stays free for a trusted worker
		return taken < ordinary && count[UntrustedSlot] < ordinary-1, next
	}
}

// hedgedUntil is how long the hold keeps a worker of that kind away.
func (t *Task) hedgedUntil(s Slot, kind SlotKind) time.Time {
	if s.Kind == UntrustedSlot {
		return time.Time{}
	}
	began := s.ExpiresAt.Add(-t.Timeout - SlotGrace)
	until := began.Add(min(t.Window()/hedgePart, hedgeAtMost))
	if last := t.lastCall(); kind == BackupSlot && s.Kind == TrustedSlot && until.After(last) {
		return last
	}
	return until
}

// live are the holds that have not ended, in a slice of their own.
func (t *Task) live(now time.Time) []Slot {
	return slices.DeleteFunc(slices.Clone(t.Holders), func(s Slot) bool { return !now.Before(s.ExpiresAt) })
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
