package workerstatus

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

const (
	linkedWallet = "HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk"
	lostWallet   = "oeYf6KAJkLYhBuR8CiGc6L4D4Xtfepr85fuDgA9kq96"
	freeWallet   = "EvFUfisEScFuZSqDXagC17m3bpP32B74dseMHtzQ5TNb"
)

const address = "0xf86e5516096d5EE5a2E927ec9C014B31C50f1E0C"

var (
	worker = common.HexToAddress(address)
	now    = time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)
)

// fakeStore answers with its callback; one that is missing fails the test.
type fakeStore struct {
	t    *testing.T
	read func(common.Address, spannerdb.StatusPage) (spannerdb.WorkerStatus, error)
}

// LinkedWorker knows one Solana wallet, which is worker's.
func (f fakeStore) LinkedWorker(_ context.Context, solana string) (common.Address, bool, error) {
	switch solana {
	case linkedWallet:
		return worker, true, nil
	case lostWallet:
		return common.Address{}, false, errors.New("spanner: secret")
	}
	return common.Address{}, false, nil
}

func (f fakeStore) WorkerStatus(_ context.Context, worker common.Address, page spannerdb.StatusPage) (spannerdb.WorkerStatus, error) {
	if f.read == nil {
		f.t.Error("WorkerStatus called")
		return spannerdb.WorkerStatus{}, nil
	}
	return f.read(worker, page)
}

func ask(store Store, method, query string) (int, string, http.Header) {
	h := New(Deps{Store: store, Now: func() time.Time { return now }, ChainID: 84532, Threshold: 10_000, Log: slog.New(slog.DiscardHandler)})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, "/v1/worker/status?"+query, nil))
	return w.Code, strings.TrimSpace(w.Body.String()), w.Header()
}

// show is the answer when the store holds s.
func show(t *testing.T, s spannerdb.WorkerStatus, query string) (api.WorkerStatus, string) {
	t.Helper()
	status, body, _ := ask(fakeStore{t, func(common.Address, spannerdb.StatusPage) (spannerdb.WorkerStatus, error) { return s, nil }}, "GET", "address="+address+query)
	var out api.WorkerStatus
	if err := json.Unmarshal([]byte(body), &out); status != 200 || err != nil {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	return out, body
}

func beginner() spannerdb.WorkerStatus {
	return spannerdb.WorkerStatus{Credits: ledger.NewCredits()}
}

func TestAnAddressWithoutBooksIsZeros(t *testing.T) {
	_, body := show(t, beginner(), "")
	want := `{"address":"` + address + `","chainId":84532,"time":"2026-10-20T12:00:00Z","tier":"bronze","multiplier":"1.0","lifetimePaidUsd":"0.000000000",` +
		`"nextTier":{"tier":"silver","multiplier":"1.2","fromUsd":"10.000000000","missingUsd":"10.000000000"},` +
		`"pending":{"micros":0,"usd":"0.000000"},"pendingResults":0,"inFlight":{"micros":0,"usd":"0.000000"},"paid":{"micros":0,"usd":"0.000000"},"earned":{"micros":0,"usd":"0.000000"},` +
		`"threshold":{"micros":10000,"usd":"0.010000"},"missing":{"micros":10000,"usd":"0.010000"},"waiting":[],"payouts":[],"results":[]}`
	if body != want {
		t.Errorf("\n got %s\nwant %s", body, want)
	}
}

// The whole answer, as it stands in testdata.
func TestTheWholeAnswer(t *testing.T) {
	id := func(seq int64) ledger.PayoutID { return ledger.PayoutID{Worker: worker, Seq: seq} }
	secret := bytes.Repeat([]byte{0x5e}, 65)
	failed := ledger.Payout{
		ID: id(2), Amount: 10_100, ResultCount: 101, ChainID: 84532, State: ledger.Failed, Reason: "USDC has blocked this address",
		ResultsHash: strings.Repeat("cd", 32), ValidBefore: now.Add(-time.Hour).Unix(), Signature: secret, CreatedAt: now.Add(-3 * time.Hour), Attempts: 4711,
	}
	sent := ledger.Payout{
		ID: id(4), Amount: 10_200, ResultCount: 85, ChainID: 84532, State: ledger.Unknown, Reason: "sent; waiting",
		ResultsHash: strings.Repeat("ef", 32), ValidBefore: now.Add(time.Hour).Unix(), Signature: secret, CreatedAt: now.Add(-time.Minute),
		WorkAt: now.Add(10 * time.Second), LeaseOwner: "instance-7", LeaseUntil: now.Add(time.Minute), Attempts: 4711, Nonce: common.HexToHash("0x4011ce"),
	}
	paid := ledger.Payout{
		ID: id(3), Amount: 10_000, ResultCount: 100, ChainID: 8453, State: ledger.Confirmed, ResultsHash: strings.Repeat("ab", 32),
		ValidBefore: now.Unix(), Signature: secret, CreatedAt: now.Add(-2 * time.Hour), ConfirmedAt: now.Add(-time.Hour),
		UsdcTx: common.HexToHash("0x0a"), LogTx: common.HexToHash("0x0b"), ReceiptBatch: &ledger.BatchKey{AccountNonce: 4711},
	}
	got, body := show(t, spannerdb.WorkerStatus{
		Credits:      ledger.Credits{Pending: 240, InFlight: 20_300, TotalPaid: 20_000, TotalEarned: 40_540, PayoutSeq: 5, PendingResults: 2},
		LastPayoutAt: paid.ConfirmedAt, LastPayoutTx: paid.UsdcTx,
		Lifetime: reputation.Lifetime{Own: 2_000_000_001, Linked: []reputation.LinkedTotal{{Wallet: linkedWallet, Total: 10_500_000_000, Since: now.Add(-24 * time.Hour)}}},
		Waiting:  []ledger.Payout{sent, failed}, Payouts: []ledger.Payout{sent, paid},
		Results: []spannerdb.CreditedResult{
			{TaskID: "task_b", At: now.Add(-time.Second), ResultID: "b0", Success: true, Reward: 120, MultiplierBps: 12_000, PayoutSeq: 5},
			{TaskID: "task_a", At: now.Add(-time.Hour), ResultID: "a0", Reward: 100, MultiplierBps: 10_000, PayoutSeq: 4},
		},
	}, "&payouts=2")
	want, err := os.ReadFile("testdata/status.json")
	if err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(body), "", "  "); err != nil {
		t.Fatal(err)
	}
	if indented.String()+"\n" != string(want) {
		t.Errorf("the answer is not testdata/status.json but\n%s", &indented)
	}
	for _, hidden := range []string{hex.EncodeToString(secret[:8]), "instance-7", "4711", "4011ce", "ignature", "ease"} {
		if strings.Contains(body, hidden) {
			t.Errorf("the answer shows %q", hidden)
		}
	}
	if sum := got.Pending.Micros + got.InFlight.Micros + got.Paid.Micros; sum != got.Earned.Micros {
		t.Errorf("pending, in flight and paid are %d, earned %d", sum, got.Earned.Micros)
	}
}

// A payout that is not confirmed always says why, and what happens next.
func TestOutlook(t *testing.T) {
	signed := now.Add(time.Hour).Unix()
	for _, c := range []struct {
		name         string
		p            ledger.Payout
		reason, next string
		authorized   bool
	}{
		{"opened", ledger.Payout{State: ledger.Pending}, openedReason, nextSign, false},
		{"held up before it was signed", ledger.Payout{State: ledger.Pending, Reason: "the day's limit"}, "the day's limit", nextResign, false},
		{"requeued with a signature", ledger.Payout{State: ledger.Pending, ValidBefore: signed}, signedReason, nextResend, true},
		{"signed", ledger.Payout{State: ledger.Authorised, ValidBefore: signed}, signedReason, nextResend, true},
		{"refused", ledger.Payout{State: ledger.Authorised, ValidBefore: signed, Reason: "not taken"}, "not taken", nextResend, true},
		{"sent", ledger.Payout{State: ledger.Unknown, ValidBefore: signed, Reason: "sent"}, "sent", nextResend, true},
		{"on chain", ledger.Payout{State: ledger.Settled, ValidBefore: signed, Reason: "not safe"}, "not safe", nextBook, false},
		{"failed", ledger.Payout{State: ledger.Failed, ValidBefore: signed, Reason: "blocked"}, "blocked", nextFailed, false},
		{"paid", ledger.Payout{State: ledger.Confirmed, ValidBefore: signed}, "", nextReceipt, false},
		{"receipted", ledger.Payout{State: ledger.Confirmed, ValidBefore: signed, LogTx: common.HexToHash("0x1")}, "", "", false},
	} {
		got := payout(c.p)
		if got.Reason != c.reason || got.Next != c.next || got.AuthorizedUntil.IsZero() == c.authorized || string(got.State) != string(c.p.State) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestNextTier(t *testing.T) {
	for _, c := range []struct {
		tier          reputation.Tier
		total         reputation.NanoUSD
		paid          string
		next, missing string
	}{
		{reputation.Bronze, -1_500_000_000, "-1.500000000", "silver", "11.500000000"},
		{reputation.Bronze, 9_999_999_999, "9.999999999", "silver", "0.000000001"},
		{reputation.Gold, 50 * reputation.USD, "50.000000000", "platinum", "150.000000000"},
		{reputation.Platinum, 1000 * reputation.USD, "1000.000000000", "", ""},
	} {
		s := beginner()
		s.Lifetime.Own = c.total
		got, body := show(t, s, "")
		if got.Tier != string(c.tier) || got.LifetimePaidUSD != c.paid {
			t.Errorf("%s: %s", c.tier, body)
		}
		switch {
		case c.next == "" && strings.Contains(body, "nextTier"), c.next != "" && got.NextTier == nil:
			t.Errorf("%s: %s", c.tier, body)
		case got.NextTier != nil && (got.NextTier.Tier != c.next || got.NextTier.MissingUSD != c.missing):
			t.Errorf("%s: %+v", c.tier, *got.NextTier)
		}
	}
}

// A Solana wallet stands for the worker that it is linked to.
func TestASolanaWalletIsItsWorkers(t *testing.T) {
	store := fakeStore{t, func(a common.Address, _ spannerdb.StatusPage) (spannerdb.WorkerStatus, error) {
		if a != worker {
			t.Errorf("asked about %s", a)
		}
		return beginner(), nil
	}}
	for wallet, want := range map[string]struct {
		status int
		says   string
	}{
		linkedWallet:                  {200, `{"address":"` + address + `"`},
		freeWallet:                    {404, "not found: this Solana wallet is linked to no worker; its owner links it with: worker-cli wallet link"},
		lostWallet:                    {500, "internal error"},
		strings.ToLower(linkedWallet): {400, "not an address"},
	} {
		if status, body, _ := ask(store, "GET", "address="+wallet); status != want.status || !strings.Contains(body, want.says) {
			t.Errorf("%s: %d %s", wallet, status, body)
		}
	}
}

func TestWhatIsMissing(t *testing.T) {
	for pending, want := range map[ledger.Micros]string{0: "0.010000", 9_999: "0.000001", 10_000: "0.000000", 25_000: "0.000000"} { // the threshold was lowered
		s := beginner()
		s.Credits.Pending, s.Credits.TotalEarned = pending, pending
		if got, _ := show(t, s, ""); got.Missing.USD != want || got.Pending.Micros != int64(pending) {
			t.Errorf("pending %d: %+v missing, want %s", pending, got.Missing, want)
		}
	}
}

func TestPages(t *testing.T) {
	list := func(seqs ...int64) (out []ledger.Payout) {
		for _, s := range seqs {
			out = append(out, ledger.Payout{ID: ledger.PayoutID{Worker: worker, Seq: s}})
		}
		return out
	}
	for _, c := range []struct {
		query   string
		page    spannerdb.StatusPage
		payouts []ledger.Payout
		next    int64
	}{
		{"", spannerdb.StatusPage{Waiting: 100, Payouts: 20, Results: 20}, list(9, 8), 0},
		{"&payouts=2&results=0", spannerdb.StatusPage{Waiting: 100, Payouts: 2}, list(9, 8), 8},
		{"&payouts=0", spannerdb.StatusPage{Waiting: 100, Results: 20}, nil, 0},
		{"&payouts=100&results=100&before=", spannerdb.StatusPage{Waiting: 100, Payouts: 100, Results: 100}, nil, 0},
		{"&payouts=2&before=3", spannerdb.StatusPage{Payouts: 2, Before: 3}, list(2, 1), 0}, // the first one is there
		{"&before=9007199254740991", spannerdb.StatusPage{Payouts: 20, Before: 1<<53 - 1}, list(9), 0},
	} {
		status, body, _ := ask(fakeStore{t, func(a common.Address, page spannerdb.StatusPage) (spannerdb.WorkerStatus, error) {
			if a != worker || page != c.page {
				t.Errorf("%s: read %s, %+v; want %+v", c.query, a, page, c.page)
			}
			s := beginner()
			s.Payouts = c.payouts
			return s, nil
		}}, "GET", "address="+strings.ToLower(address)+c.query)
		var got api.WorkerStatus
		if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 || got.NextBefore != c.next || got.Address != address || !reflect.DeepEqual(got.Payouts, payouts(c.payouts)) {
			t.Errorf("%s: %d %s", c.query, status, body)
		}
	}
}

func TestBadInput(t *testing.T) {
	for name, query := range map[string]string{
		"address":          "",
		"address: short":   "address=" + address[:41],
		"address: EIP-55":  "address=0xF" + address[3:],
		"address: 0X":      "address=0X" + address[2:],
		"payouts: words":   "payouts=ten&address=" + address,
		"payouts: -1":      "payouts=-1&address=" + address,
		"payouts: 101":     "payouts=101&address=" + address,
		"payouts: 1.0":     "payouts=1.0&address=" + address,
		"payouts: +1":      "payouts=%2B1&address=" + address,
		"payouts: 07":      "payouts=07&address=" + address,
		"payouts: 1e20":    "payouts=100000000000000000000&address=" + address,
		"results: 101":     "results=101&address=" + address,
		"results: ' 1'":    "results=%201&address=" + address,
		"before: 0":        "before=0&address=" + address,
		"before: -5":       "before=-5&address=" + address,
		"before: 2^53":     "before=9007199254740992&address=" + address,
		"before: the date": "before=2026-10-20&address=" + address,
	} {
		status, body, _ := ask(fakeStore{t: t}, "GET", query)
		var e api.ErrorBody
		field, _, _ := strings.Cut(name, ":")
		if err := json.Unmarshal([]byte(body), &e); status != 400 || err != nil || !strings.Contains(e.Error, field) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	for _, method := range []string{"POST", "HEAD", "PUT", "DELETE"} {
		if status, _, header := ask(fakeStore{t: t}, method, "address="+address); status != 405 || header.Get("Allow") != "GET" {
			t.Errorf("%s: %d, Allow %q", method, status, header.Get("Allow"))
		}
	}
}

func TestStoreFailures(t *testing.T) {
	for err, want := range map[error]int{errors.New("spanner: secret"): 500, context.DeadlineExceeded: 503} {
		status, body, _ := ask(fakeStore{t, func(common.Address, spannerdb.StatusPage) (spannerdb.WorkerStatus, error) {
			return spannerdb.WorkerStatus{}, err
		}}, "GET", "address="+address)
		if status != want || strings.Contains(body, "secret") || !strings.HasPrefix(body, `{"error":"`) {
			t.Errorf("%v: %d %s", err, status, body)
		}
	}
}
