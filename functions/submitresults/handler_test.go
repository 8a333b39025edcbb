package submitresults

import (
	"context"
	"encoding/hex"
	"errors"
	"math/big"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// The answer, byte for byte as protocol.md has it.
func TestAnswer(t *testing.T) {
	first, forged, second := signed(t, 0, "t0"), signed(t, 0, "t1"), signed(t, 1, "t2")
	forged.Success = false
	late := signed(t, 1, "t0", func(r *api.Result) { r.Timestamp++ })
	got := submit(t, newNetwork(t), marshal(t, []api.Result{first, forged, second, late}))
	want := `{"accepted":2,"earned":"0.000200","errors":["t1: invalid signature"],"results":[` +
		`{"taskId":"t0","status":"accepted","rewardMicros":100,"resultId":"` + api.ResultID(first) + `"},` +
		`{"taskId":"t1","status":"rejected","code":"invalid_signature","detail":"invalid signature: not made by workerAddress over these fields","rewardMicros":0},` +
		`{"taskId":"t2","status":"accepted","rewardMicros":100,"resultId":"` + api.ResultID(second) + `"},` +
		`{"taskId":"t0","status":"discarded","code":"cycle_won","rewardMicros":0}]}`
	if got.status != 200 || got.body != want {
		t.Errorf("%d\n got %s\nwant %s", got.status, got.body, want)
	}
	alone := submit(t, newNetwork(t), marshal(t, []api.Result{first}))
	if strings.Contains(alone.body, `"errors"`) || alone.Accepted != 1 || alone.Earned != "0.000100" {
		t.Errorf("without errors: %s", alone.body)
	}
}

// What the store is given: the address of the signer, whatever its spelling,
// and the result as it was signed.
func TestStoreGetsWhatWasSigned(t *testing.T) {
	r := signed(t, 0, "t3", func(r *api.Result) {
		r.WorkerAddress, r.Error, r.StatusCode = strings.ToLower(r.WorkerAddress), "Timeout after 10000ms", nil
	})
	var got []ledger.SubmittedResult
	store := storeFunc(func(at time.Time, batch []ledger.SubmittedResult) ([]ledger.JudgedResult, []ledger.PayoutID, error) {
		if !at.Equal(now) {
			t.Errorf("judged at %v", at)
		}
		got = batch
		return make([]ledger.JudgedResult, len(batch)), nil, nil
	})
	post(t, store, nil, httptest.NewRequest("POST", "/", strings.NewReader(marshal(t, []api.Result{r}))))
	want := ledger.SubmittedResult{Worker: addressOf(key(0)), TaskID: "t3", At: now.Add(-time.Second), Result: r, ResultID: api.ResultID(r)}
	if len(got) != 1 || got[0] != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

type storeFunc func(time.Time, []ledger.SubmittedResult) ([]ledger.JudgedResult, []ledger.PayoutID, error)

func (f storeFunc) CreditResults(_ context.Context, now time.Time, batch []ledger.SubmittedResult) ([]ledger.JudgedResult, []ledger.PayoutID, error) {
	return f(now, batch)
}

// Each bad result stands between good ones of two workers: it is rejected with
// its own code, nothing of it is stored, and the neighbours are credited.
func TestBadResultsHarmNoNeighbour(t *testing.T) {
	at := func(d time.Duration) func(*api.Result) {
		return func(r *api.Result) { r.Timestamp = now.Add(d).UnixMilli() }
	}
	forged := func(change func(*api.Result)) string {
		r := signed(t, 0, "t5")
		change(&r)
		return marshal(t, r)
	}
	cases := map[string]struct {
		element string
		code    api.Code
		says    string // the line of errors
	}{
		"unknown task":         {marshal(t, signed(t, 0, "t99")), api.UnknownTask, "t99: unknown task"},
		"another's assignment": {marshal(t, signed(t, 2, "t5")), api.NotAssigned, "t5: not assigned to this worker"},
		"stale":                {marshal(t, signed(t, 0, "t5", at(-5*time.Minute-time.Millisecond))), api.Stale, "t5: older than 5 minutes"},
		"stale by years":       {marshal(t, signed(t, 0, "t5", func(r *api.Result) { r.Timestamp = 1 })), api.Stale, "t5: older than 5 minutes"},
		"future":               {marshal(t, signed(t, 0, "t5", at(30*time.Second+time.Millisecond))), api.Future, "t5: more than 30 s in the future; check the clock"},
		"future by millennia":  {marshal(t, signed(t, 0, "t5", func(r *api.Result) { r.Timestamp = api.MaxTimestamp })), api.Future, "t5: more than 30 s in the future; check the clock"},
		"altered task":         {forged(func(r *api.Result) { r.TaskID = "t6" }), api.InvalidSignature, "t6: invalid signature"},
		"altered worker":       {forged(func(r *api.Result) { r.WorkerAddress = addressOf(key(1)).Hex() }), api.InvalidSignature, "t5: invalid signature"},
		"altered time":         {forged(func(r *api.Result) { r.Timestamp++ }), api.InvalidSignature, "t5: invalid signature"},
		"altered success":      {forged(func(r *api.Result) { r.Success = false }), api.InvalidSignature, "t5: invalid signature"},
		"high s":               {forged(func(r *api.Result) { r.Signature = highS(r.Signature) }), api.InvalidSignature, "t5: invalid signature"},
		"short signature":      {forged(func(r *api.Result) { r.Signature = r.Signature[:130] }), api.InvalidSignature, "t5: invalid signature"},
		"long signature":       {forged(func(r *api.Result) { r.Signature += "00" }), api.InvalidSignature, "t5: invalid signature"},
		"no signature":         {forged(func(r *api.Result) { r.Signature = "" }), api.InvalidSignature, "t5: invalid signature"},
		"bad address":          {forged(func(r *api.Result) { r.WorkerAddress = r.WorkerAddress[:41] }), api.Malformed, "t5: malformed field"},
		"bad checksum":         {forged(func(r *api.Result) { r.WorkerAddress = swapCase(r.WorkerAddress) }), api.Malformed, "t5: malformed field"},
		"bad status":           {forged(func(r *api.Result) { r.StatusCode = new(99) }), api.Malformed, "t5: malformed field"},
		"wrong type":           {strings.Replace(marshal(t, signed(t, 0, "t5")), "true", `"true"`, 1), api.Malformed, "t5: malformed field"},
		"missing field":        {strings.Replace(marshal(t, signed(t, 0, "t5")), `"success"`, `"ok"`, 1), api.Malformed, "t5: malformed field"},
		"no task":              {strings.Replace(marshal(t, signed(t, 0, "t5")), `"t5"`, "5", 1), api.Malformed, "result 2: malformed field"},
		"empty task":           {marshal(t, signed(t, 0, "")), api.Malformed, "result 2: malformed field"},
		"endless task":         {marshal(t, signed(t, 0, strings.Repeat("t", 129))), api.Malformed, "result 2: malformed field"},
		"no object":            {"null", api.Malformed, "result 2: malformed field"},
		"the same again":       {marshal(t, signed(t, 0, "t0")), api.AlreadySubmitted, "t0: already submitted"},
		"the same, other unsigned fields": {marshal(t, signed(t, 0, "t0", func(r *api.Result) { r.ResponseTimeMs, r.Error = 1, "x" })),
			api.AlreadySubmitted, "t0: already submitted"},
	}
	for name, c := range cases {
		n := newNetwork(t)
		left, right := signed(t, 0, "t0"), signed(t, 1, "t1")
		got := submit(t, n, "["+marshal(t, left)+","+c.element+","+marshal(t, right)+"]")
		if got.status != 200 || got.Accepted != 2 || got.Earned != "0.000200" || len(got.Results) != 3 || len(n.stored) != 2 {
			t.Fatalf("%s: %d %s, %d stored", name, got.status, got.body, len(n.stored))
		}
		if !slices.Equal(got.Errors, []string{c.says}) {
			t.Errorf("%s: errors %q, want %q", name, got.Errors, c.says)
		}
		bad := got.Results[1]
		if bad.Status != api.Rejected || bad.Code != c.code || bad.RewardMicros != 0 || (bad.ResultID != "" || bad.CreditedMicros != 0) != (name == "the same again") {
			t.Errorf("%s: %+v, want %s", name, bad, c.code)
		}
		if name == "wrong type" && bad.Detail != "malformed field: success must be true or false" {
			t.Errorf("%s: detail %q", name, bad.Detail)
		}
		for i, r := range map[int]api.Result{0: left, 2: right} {
			if want := (api.Outcome{TaskID: r.TaskID, Status: api.Accepted, RewardMicros: 100, ResultID: api.ResultID(r)}); got.Results[i] != want {
				t.Errorf("%s: neighbour %+v, want %+v", name, got.Results[i], want)
			}
		}
		// Alone it is a 200, too, and stores nothing.
		if c.code != api.AlreadySubmitted {
			n = newNetwork(t)
			if got := submit(t, n, "["+c.element+"]"); got.status != 200 || got.Accepted != 0 || got.Earned != "0.000000" || len(n.stored) != 0 {
				t.Errorf("%s, alone: %d %s, %d stored", name, got.status, got.body, len(n.stored))
			}
		}
	}
}

func highS(sig string) string {
	s, _ := new(big.Int).SetString(sig[66:130], 16)
	high := common.LeftPadBytes(new(big.Int).Sub(crypto.S256().Params().N, s).Bytes(), 32)
	return sig[:66] + hex.EncodeToString(high) + map[string]string{"1b": "1c", "1c": "1b"}[sig[130:]]
}

// swapCase spoils an address's checksum and keeps its value.
func swapCase(address string) string {
	return "0x" + strings.Map(func(r rune) rune {
		if r >= 'a' {
			return r - 'a' + 'A'
		} else if r >= 'A' {
			return r - 'A' + 'a'
		}
		return r
	}, address[2:])
}

func TestReplaysEarnNothing(t *testing.T) {
	n := newNetwork(t)
	r := signed(t, 0, "t0")
	body := marshal(t, []api.Result{r})
	if got := submit(t, n, body); got.Accepted != 1 {
		t.Fatal(got.body)
	}
	for range 3 {
		got := submit(t, n, body)
		if got.status != 200 || got.Accepted != 0 || got.Earned != "0.000000" || got.Results[0].Code != api.AlreadySubmitted || len(n.stored) != 1 ||
			got.Results[0].CreditedMicros != 100 || got.Results[0].RewardMicros != 0 || got.Results[0].ResultID != api.ResultID(r) {
			t.Errorf("replay: %d %s", got.status, got.body)
		}
	}
	// v 0/1 for 27/28: another spelling of the same signature.
	r.Signature = r.Signature[:130] + map[string]string{"1b": "00", "1c": "01"}[r.Signature[130:]]
	if got := submit(t, n, marshal(t, []api.Result{r})); got.Results[0].Code != api.AlreadySubmitted || len(n.stored) != 1 {
		t.Errorf("respelled: %s", got.body)
	}
}

func TestBadBodies(t *testing.T) {
	one := marshal(t, signed(t, 0, "t0"))
	for name, c := range map[string]struct {
		body   string
		status int
		says   string
	}{
		"empty":      {"", 400, "not JSON"},
		"not JSON":   {"hello", 400, "not JSON"},
		"cut off":    {"[" + one, 400, "not JSON"},
		"one object": {one, 400, "want a JSON array"},
		"0 results":  {"[]", 400, "empty"},
		"51 results": {"[" + strings.Repeat(one+",", 50) + one + "]", 400, "more than 50"},
		"10 MB":      {"[" + one + strings.Repeat(" ", 10<<20) + "]", 413, "limit is 262144 bytes"},
		"1 too many": {"[" + one + strings.Repeat(" ", api.MaxBodyBytes-len(one)-1) + "]", 413, "limit is 262144 bytes"},
	} {
		n := newNetwork(t)
		got := submit(t, n, c.body)
		if got.status != c.status || !strings.Contains(got.body, c.says) || !strings.HasPrefix(got.body, `{"error":"`) || n.calls != 0 {
			t.Errorf("%s: %d %s, %d calls; want %d that says %q", name, got.status, got.body, n.calls, c.status, c.says)
		}
	}
	n := newNetwork(t)
	if got := submit(t, n, "["+one+strings.Repeat(" ", api.MaxBodyBytes-len(one)-2)+"]"); got.Accepted != 1 {
		t.Errorf("at the cap: %d %s", got.status, got.body)
	}
	for _, method := range []string{"GET", "PUT", "HEAD"} {
		if got := post(t, n, nil, httptest.NewRequest(method, "/", strings.NewReader("["+one+"]"))); got.status != 405 || got.header.Get("Allow") != "POST" {
			t.Errorf("%s: %d, Allow %q", method, got.status, got.header.Get("Allow"))
		}
	}
}

// Fifty results, all rejected for their signatures: no transaction is run.
func TestNothingGoodIsNoTransaction(t *testing.T) {
	batch := make([]api.Result, 50)
	for i := range batch {
		batch[i] = signed(t, 0, "t0")
		batch[i].Timestamp--
	}
	n := newNetwork(t)
	if got := submit(t, n, marshal(t, batch)); got.status != 200 || len(got.Errors) != 50 || n.calls != 0 {
		t.Errorf("%d %s, %d calls", got.status, got.body, n.calls)
	}
}

func TestStoreFailures(t *testing.T) {
	body := marshal(t, []api.Result{signed(t, 0, "t0")})
	for err, status := range map[error]int{errors.New("spannerdb: secret"): 500, context.DeadlineExceeded: 503} {
		n := newNetwork(t)
		n.err = err
		if got := submit(t, n, body); got.status != status || strings.Contains(got.body, "secret") || !strings.Contains(got.log, `"severity":"ERROR"`) {
			t.Errorf("%v: %d %s", err, got.status, got.body)
		}
	}
	forgetful := storeFunc(func(time.Time, []ledger.SubmittedResult) ([]ledger.JudgedResult, []ledger.PayoutID, error) {
		return nil, nil, nil
	})
	if got := post(t, forgetful, nil, httptest.NewRequest("POST", "/", strings.NewReader(body))); got.status != 500 {
		t.Errorf("a result that was not judged: %d %s", got.status, got.body)
	}
}

func TestOpenedPayoutsArePublished(t *testing.T) {
	body := marshal(t, []api.Result{signed(t, 0, "t0")})
	ids := []ledger.PayoutID{{Worker: addressOf(key(0)), Seq: 3}, {Worker: addressOf(key(1)), Seq: 1}}
	want := []string{ids[0].String(), ids[1].String()}
	slices.Sort(want)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	for name, c := range map[string]struct {
		caller context.Context
		do     func(context.Context) error
		warns  bool
	}{
		"well":            {context.Background(), nil, false},
		"failing":         {context.Background(), func(context.Context) error { return errors.New("topic not found") }, true},
		"hanging":         {context.Background(), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, true},
		"caller has gone": {gone, func(ctx context.Context) error { return ctx.Err() }, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			n, h := newNetwork(t), &hints{do: c.do}
			n.opened = ids
			begin := time.Now()
			got := post(t, n, h, httptest.NewRequest("POST", "/", strings.NewReader(body)).WithContext(c.caller))
			if got.status != 200 || got.Accepted != 1 || time.Since(begin) > publishTimeout {
				t.Errorf("%s: %d %s after %v", name, got.status, got.body, time.Since(begin))
			}
			slices.Sort(h.ids)
			if !slices.Equal(h.ids, want) {
				t.Errorf("%s: published %v, want %v", name, h.ids, want)
			}
			if warned := strings.Count(got.log, "payout not published"); warned != map[bool]int{true: len(ids)}[c.warns] {
				t.Errorf("%s: log %s", name, got.log)
			}
		})
	}
}
