package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

func (w *world) authorise(id ledger.PayoutID) error {
	_, err := w.db.AuthorisePayout(w.Context(), id, ledger.AuthorizationRecord{
		ResultsHash: strings.Repeat("ab", 32), ValidBefore: w.now.Add(time.Hour).Unix(), Signature: make([]byte, 65), Block: 1,
	}, caps, w.now)
	return err
}

// four are payouts: one failed, one that waits, one paid, one just opened.
func (w *world) four() (failed, waits, paid, fresh ledger.PayoutID) {
	w.Helper()
	failed, waits, paid = w.open(1, policy), w.open(2, policy), w.open(3, policy)
	w.must(w.db.FailPayout(w.Context(), failed, 0, "USDC has blocked this address", w.now))
	w.must(w.db.RecordOutcome(w.Context(), waits, ledger.Pending, "above the limit", common.Hash{}, w.now.Add(3*time.Hour), w.now))
	w.must(w.authorise(paid))
	w.must(w.db.ConfirmPayout(w.Context(), paid, common.HexToHash("0x77"), 5, w.now))
	w.now = w.now.Add(90 * time.Minute)
	return failed, waits, paid, w.open(4, policy)
}

func TestPayoutsList(t *testing.T) {
	w := newWorld(t)
	w.says(0, line("payouts list"), "none")
	w.says(0, line("payouts list --stuck"), "none")
	w.says(0, line("payouts status"), "payouts go out", "0 unpaid")
	failed, waits, paid, fresh := w.four()

	out := w.says(0, line("payouts list"), failed.String(), waits.String(), fresh.String(), "1h30m", "in 1h30m", "above the limit", "never: requeue it", "blocked", "0.000100")
	if strings.Contains(out, paid.String()) {
		t.Errorf("a paid one is listed:\n%s", out)
	}
	out = w.says(exitAttention, line("payouts list --stuck"), failed.String(), waits.String())
	if strings.Contains(out, fresh.String()) {
		t.Errorf("a young one is stuck:\n%s", out)
	}
	w.must(w.db.FailPayout(t.Context(), fresh, 0, "young, and failed", w.now))
	w.says(exitAttention, line("payouts list --stuck"), "young, and failed", waits.String())

	var list listed
	w.decode(w.says(0, line("payouts list --json --state pending --state failed --limit 2")), &list)
	if len(list.Payouts) != 2 || !list.More || list.Payouts[0].State != "failed" || list.Payouts[0].AgeSeconds != 5400 || list.Payouts[0].NextLook != nil ||
		list.Payouts[1].ID != waits.String() || list.Payouts[1].NextLook == nil || list.Payouts[1].Reason != "above the limit" {
		t.Errorf("%+v", list)
	}
	w.says(0, line("payouts list --limit 1"), "and more: --limit 10")
	w.says(exitAttention, line("payouts status"), "3 unpaid, 3 of them failed or older than an hour", "failed     2", "pending    1")
}

func TestPayoutsRequeue(t *testing.T) {
	w := newWorld(t)
	failed, waits, paid, fresh := w.four()
	all := []string{"payouts", "requeue", failed.String(), waits.String(), paid.String(), fresh.String(), failed.String()}
	before := w.payout(failed)

	w.says(exitNotDone, all, "add --yes", `"USDC has blocked this address": requeue`, `"above the limit": requeue`, "nothing to do: it is paid", "nothing to do: it is due already")
	if got := w.payout(failed); got.State != ledger.Failed {
		t.Fatalf("requeued without a yes: %+v", got)
	}
	w.says(0, append(all, "--yes"), "2 requeued; the sweep takes them up within a minute")
	after := w.payout(failed)
	if after.State != ledger.Pending || !after.WorkAt.Equal(w.now) || after.Nonce != before.Nonce || after.Amount != before.Amount || after.UsdcTx != before.UsdcTx {
		t.Errorf("%+v\nwas %+v", after, before)
	}
	if got := w.payout(waits); !got.WorkAt.Equal(w.now) || got.State != ledger.Pending {
		t.Errorf("%+v", got)
	}
	if got := w.payout(paid); got.State != ledger.Confirmed || !got.WorkAt.IsZero() {
		t.Errorf("%+v", got)
	}
	due, err := w.db.DuePayouts(t.Context(), w.now, 10)
	w.must(err)
	if len(due) != 3 {
		t.Errorf("the sweep finds %v", due)
	}
	w.must(w.db.CheckBooks(t.Context()))

	// Again, and without being asked: nothing is left to do.
	w.says(0, all, "nothing to do: it is due already\nnothing was requeued")
	if out := w.says(0, line("payouts requeue --failed")); out != "no payout has failed; nothing was requeued\n" {
		t.Errorf("of none: %q", out)
	}

	w.must(w.db.FailPayout(t.Context(), failed, 0, "again", w.now))
	var out []requeued
	w.decode(w.says(0, line("payouts requeue --failed --yes --json")), &out)
	if len(out) != 1 || out[0].ID != failed.String() || !out[0].Done || out[0].Action != actRequeue {
		t.Errorf("%+v", out)
	}

	// One that somebody works on is left alone; one that does not exist is named.
	_, err = w.db.LeasePayout(t.Context(), waits, "somebody", w.now, time.Minute)
	w.must(err)
	w.says(0, []string{"payouts", "requeue", "--yes", waits.String()}, "ProcessPayout is at it")
	nobody := ledger.PayoutID{Worker: worker(9), Seq: 1}
	w.says(exitUsage, []string{"payouts", "requeue", "--yes", fresh.String(), nobody.String()}, nobody.String(), "not found")
}

func TestPauseAndResume(t *testing.T) {
	w := newWorld(t)
	_, _, _, fresh := w.four()
	w.says(0, line("payouts resume"), "payouts were not paused")
	w.says(0, []string{"payouts", "pause", "--reason", "treasury moves"}, "payouts are paused")
	if err := w.authorise(fresh); !errors.Is(err, ledger.ErrPaused) {
		t.Errorf("authorised while paused: %v", err)
	}
	since := w.now.Format(time.RFC3339)
	w.now = w.now.Add(time.Hour)
	already := "payouts have been paused since " + since + ", by ann: treasury moves"
	w.says(0, line("payouts pause"), already+"\n", "nothing was changed")
	w.says(0, []string{"payouts", "pause", "--reason", "treasury moves"}, already+"\n", "nothing was changed")
	w.who = "ben" // who resumes sees his reason, too
	w.says(0, []string{"payouts", "pause", "--reason", "the books"}, already+"; ben: the books\n", "your reason was added")
	w.who = ""
	w.says(exitAttention, line("payouts status"), "PAUSED", "treasury moves", "ann")
	var s switchView
	w.decode(w.says(exitAttention, line("payouts status --json")), &s)
	if !s.Paused || s.Reason != "treasury moves; ben: the books" || s.ChangedBy != "ann" || s.States[ledger.Pending] != 2 || s.States[ledger.Failed] != 1 {
		t.Errorf("%+v", s)
	}

	w.says(exitNotDone, line("payouts resume"), "paused 1h00m ago by ann: treasury moves", "add --yes")
	if err := w.authorise(fresh); !errors.Is(err, ledger.ErrPaused) {
		t.Errorf("resumed without a yes: %v", err)
	}
	w.in = "yes\n"
	w.says(0, line("payouts resume"), "payouts go on")
	w.must(w.authorise(fresh))
}
