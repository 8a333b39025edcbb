package main

import (
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/bucket"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

// logged is a chained world with a result log, after a restore.
type logged struct {
	*chained
	files *bucket.Server
}

func newLogged(t *testing.T) *logged {
	t.Helper()
	c := newChained(t)
	files, err := bucket.Start(t.Context(), bucket.Options{Name: "log"})
	c.must(err)
	t.Cleanup(func() { _ = files.Close() })
	t.Setenv("STORAGE_EMULATOR_HOST", files.Addr)
	c.env["RESULT_LOG_BUCKET"], c.env["PAYOUT_THRESHOLD_MICROS"] = "log", "100"
	return &logged{c, files}
}

func (l *logged) put(lines ...resultlog.Line) resultlog.Part {
	p := resultlog.Parts([]resultlog.Entry{resultlog.NewEntry(lines)})[0]
	l.files.Put("log", p.Name(), p.Content)
	return p
}

// result is a line of a new worker's, worth 60 micros.
func (l *logged) result(at time.Time, key byte, seq int64) resultlog.Line {
	l.Helper()
	k, err := crypto.ToECDSA(append(make([]byte, 31), key))
	l.must(err)
	who := crypto.PubkeyToAddress(k.PublicKey)
	r := api.Result{TaskID: "task", WorkerAddress: who.Hex(), Timestamp: at.UnixMilli(), Success: true, ResponseTimeMs: 5}
	l.must(api.Sign(&r, k))
	return resultlog.Line{
		Result: r, ResultID: api.ResultID(r), Payout: ledger.PayoutID{Worker: who, Seq: seq}, Reward: 60, MultiplierBps: 10_000, Cycle: 1,
		AcceptedAt: at.Add(time.Second).UTC().Truncate(time.Millisecond),
	}
}

func TestPayoutsRecover(t *testing.T) {
	l := newLogged(t)
	since := l.now.Add(-time.Hour)
	args := line("payouts recover --since " + since.Format(time.RFC3339))
	l.says(0, args, "nothing to do", "0 transfers of payouts")

	l.env["BASE_RPC_URL_2"] = l.env["BASE_RPC_URL"]
	l.says(exitUsage, args, "BASE_RPC_URL_2 is BASE_RPC_URL")
	l.env["BASE_RPC_URL_2"] = "http://127.0.0.1:1"
	l.says(exitFailed, args, "BASE_RPC_URL_2")
	l.env["BASE_RPC_URL_2"] = l.env["BASE_RPC_URL"] + "/"

	// Of the lost hour: a payout whose results are in the log, one whose are not, one
	// that was opened and not paid, and results that had reached no payout.
	paid := []resultlog.Line{l.result(since.Add(time.Minute), 1, 1), l.result(since.Add(2*time.Minute), 1, 1)}
	unpaid := []resultlog.Line{l.result(since.Add(time.Minute), 2, 1), l.result(since.Add(2*time.Minute), 2, 1)}
	l.put(append(append(paid, unpaid...), l.result(since.Add(3*time.Minute), 1, 2))...)
	lost := ledger.PayoutID{Worker: worker(7), Seq: 1}
	for id, amount := range map[ledger.PayoutID]ledger.Micros{paid[0].Payout: 120, lost: 500} {
		_, err := l.Pay(t.Context(), id, amount)
		l.must(err)
	}
	_, err := l.Plain(t.Context(), worker(8), 5_000)
	l.must(err)
	shown := []string{
		"2 transfers of payouts; 1 files of the result log, with 5 lines", paid[0].Payout.String() + "  paid  0.000120 USDC, 2 results credited, 0x",
		unpaid[0].Payout.String() + "  opened  0.000120 USDC, 2 results", "pending  0.000060 USDC, 1 results", lost.String() + "  paid  0.000500 USDC, 0 results",
		"1 results or more, worth 0.000500 USDC, are not in the log", "1 transfers are no payout's",
		"too early: what was signed in the lost time can be settled until " + since.Add(3*time.Minute+time.Second+time.Hour).Truncate(time.Second).Format(time.RFC3339),
	}
	l.says(exitNotDone, args, append(shown, "add --yes")...)
	l.says(exitUsage, append(args, "--yes"), "authorizations of the lost time are still good; recover after "+since.Add(time.Hour).Format("2006-01-02T15"))
	l.now = l.now.Add(time.Hour)
	l.says(exitUsage, append(args, "--yes"), "authorizations of the lost time are still good", "once the node's safe block") // says a node that is behind
	l.must(l.AdvanceTime(t.Context(), time.Hour))
	l.env["PAYOUT_VALIDITY"] = "2h"
	l.says(exitUsage, append(args, "--yes"), "authorizations of the lost time are still good")
	delete(l.env, "PAYOUT_VALIDITY")
	l.says(exitUsage, append(args, "--yes"), "payouts are not paused")
	if got, err := l.db.NextNumbers(t.Context(), nil); err != nil || len(got) != 0 {
		t.Fatalf("%v, %v", got, err)
	}
	l.says(0, line("payouts pause --reason restored"))
	var v recoverView
	l.decode(l.says(0, append(args, "--yes", "--json")), &v)
	if !v.Applied || len(v.Payouts) != 4 || v.Foreign != 1 || v.Transfers != 2 {
		t.Errorf("%+v", v)
	}
	if out := l.says(0, append(args, "--yes"), "nothing to do"); strings.Contains(out, "too early") {
		t.Error(out)
	}
	if p := l.payout(lost); p.State != ledger.Confirmed || p.Amount != 500 || len(p.Signature) > 0 {
		t.Errorf("%+v", p)
	}
	if p := l.payout(unpaid[0].Payout); p.State != ledger.Pending || p.Amount != 120 {
		t.Errorf("%+v", p)
	}
	// An authorization of the lost time is settled late, for more than the log had of its payout.
	late := ledger.PayoutID{Worker: paid[0].Payout.Worker, Seq: 2}
	_, err = l.Pay(t.Context(), late, 200)
	l.must(err)
	l.says(0, append(args, "--yes"), late.String()+"  paid  0.000200 USDC, 0 results credited", "worth 0.000140 USDC", "posted")
	l.must(l.db.CheckBooks(t.Context()))
	l.says(exitAttention, line("reconcile --all-books"), "4 transfers", "1 disagreements", "0.005000 USDC") // the plain one
}

// What cannot be recovered is named, with what to do; the rest is.
func TestPayoutsRecoverRefuses(t *testing.T) {
	l := newLogged(t)
	since := l.now.Add(-time.Hour)
	args := line("payouts recover --yes --since " + since.Format(time.RFC3339))
	l.says(0, line("payouts pause"))
	early := l.open(1, l.policy()) // after the restore, of 100
	_, err := l.Pay(t.Context(), early, 700)
	l.must(err)
	fine := ledger.PayoutID{Worker: worker(2), Seq: 1}
	_, err = l.Pay(t.Context(), fine, 500)
	l.must(err)
	failed := l.open(3, l.policy())
	_, err = l.Pay(t.Context(), failed, 100)
	l.must(err)
	l.must(l.db.FailPayout(t.Context(), failed, 0, "blocked", l.now))
	l.says(exitAttention, args, "! worker "+ledger.CanonicalAddress(early.Worker), "of 0.000100 USDC in the books, and was paid as 0.000700 USDC", "restore the same backup once more",
		fine.String()+"  paid", "posted", "payouts requeue "+failed.String())
	l.says(exitAttention, args, "nothing was posted", "! worker")
	l.must(l.db.RequeuePayout(t.Context(), failed, l.now))
	if out := l.says(exitAttention, args, "! worker"); strings.Contains(out, "payouts requeue") {
		t.Error(out)
	}
	l.must(l.db.CheckBooks(t.Context()))

	l.says(exitUsage, line("payouts recover --since 2100-01-01T00:00:00Z"), "is to come")
	l.says(exitUsage, append(args, "--treasury", "0x12"), "--treasury 0x12")
	part := l.put(l.result(since.Add(time.Minute), 1, 1))
	l.files.Put("log", part.Name(), []byte(strings.Replace(string(part.Content), `"rewardMicros":60`, `"rewardMicros":99`, 1)))
	l.says(exitFailed, args, "the result log was tampered with", part.Name(), "--without")
	l.says(exitUsage, append(args, "--without", part.Name(), "--without", "results/no-such-file"), "results/no-such-file")
	l.says(exitAttention, append(args, "--without", part.Name()), "! "+part.Name()+" was left out", "nothing was posted")
}
