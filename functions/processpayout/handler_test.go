package processpayout

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/hint"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/x402"
)

// post sends one request to the function, with every effect let through.
func (w *world) post(method string, body []byte) *httptest.ResponseRecorder {
	p := &process{world: w, turn: make(chan struct{}), parked: make(chan bool)}
	rec := httptest.NewRecorder()
	go func() {
		New(w.deps(p)).ServeHTTP(rec, httptest.NewRequest(method, "/", bytes.NewReader(body)))
		p.parked <- false
	}()
	for <-p.parked {
		p.turn <- struct{}{}
	}
	return rec
}

func push(t *testing.T, data string) []byte {
	t.Helper()
	body, err := hint.EncodePush("projects/p/subscriptions/s", hint.Message{ID: "m1", Data: []byte(data)})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// What is no hint is acknowledged, since it would come back for ever, and
// touches nothing.
func TestGarbageIsAcknowledged(t *testing.T) {
	for name, body := range map[string][]byte{
		"empty":         nil,
		"not JSON":      []byte("hello"),
		"no message":    []byte("{}"),
		"not a hint":    push(t, `{"task":"x"}`),
		"not base64":    []byte(`{"message":{"data":"%%%","messageId":"m1"}}`),
		"bad payout id": push(t, `{"payout":"0x12-1"}`),
		"10 MB":         bytes.Repeat([]byte("x"), 10<<20),
		"deep":          []byte(strings.Repeat("[", 60<<10)),
		"binary":        []byte(base64.StdEncoding.EncodeToString([]byte{0, 1, 2})),
	} {
		w := newWorld(t, 1)
		w.open(simWorker(1))
		rec := w.post(http.MethodPost, body)
		if rec.Code != http.StatusOK || w.effects != 0 || !strings.Contains(rec.Body.String(), "dropped") {
			t.Errorf("%s: answered %d %s", name, rec.Code, rec.Body)
		}
		if !strings.Contains(w.log.String(), "message dropped") {
			t.Errorf("%s: nothing of it in the log", name)
		}
	}
	if rec := newWorld(t, 1).post(http.MethodGet, nil); rec.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET answered %d", rec.Code)
	}
}

// What each error of the ledger means for the message.
func TestAcknowledgement(t *testing.T) {
	tests := []struct {
		err   error
		code  int
		alert bool
	}{
		{ledger.ErrNotFound, 200, false},
		{ledger.ErrFinal, 200, false},
		{ledger.ErrConflict, 200, true},
		{ledger.ErrBooks, 200, true},
		{x402.ErrAuthorization, 200, true},
		{ledger.ErrLeased, 409, false},
		{ledger.ErrLeaseLost, 409, false},
		{ledger.ErrMove, 409, false},
		{ledger.ErrExpired, 409, false},
		{errors.New("spannerdb: unavailable"), 500, false},
	}
	for _, tt := range tests {
		w := newWorld(t, 1)
		id := w.open(simWorker(1))
		w.wrap = func(d Deps) Deps { d.Payouts = failingLease{d.Payouts, fmt.Errorf("payout: %w", tt.err)}; return d }
		rec := w.post(http.MethodPost, push(t, `{"payout":"`+id.String()+`"}`))
		if rec.Code != tt.code {
			t.Errorf("%v: answered %d, want %d", tt.err, rec.Code, tt.code)
		}
		if alert := strings.Contains(w.log.String(), "payout needs a person"); alert != tt.alert {
			t.Errorf("%v: alert %t, want %t", tt.err, alert, tt.alert)
		}
	}
}

type failingLease struct {
	Payouts
	err error
}

func (f failingLease) LeasePayout(context.Context, ledger.PayoutID, string, time.Time, time.Duration) (ledger.Payout, error) {
	return ledger.Payout{}, f.err
}

// A stored authorization is a cheque. Whatever goes wrong, it is in no log line
// and in no reason.
func TestNoChequeInTheLog(t *testing.T) {
	w := newWorld(t, 5)
	w.play()
	text := strings.ToLower(w.log.String())
	signed := 0
	for id, p := range w.store.payouts {
		if len(p.Signature) == 0 {
			continue
		}
		signed++
		for _, form := range []string{hex.EncodeToString(p.Signature), hex.EncodeToString(p.Signature[:32]), base64.StdEncoding.EncodeToString(p.Signature), fmt.Sprint(p.Signature)} {
			if strings.Contains(text, strings.ToLower(form)) || strings.Contains(p.Reason, form) {
				t.Fatalf("the authorization of payout %s is in the log", id)
			}
		}
	}
	if signed == 0 || len(text) < 1000 {
		t.Fatalf("%d authorizations, %d bytes of log: nothing was tested", signed, len(text))
	}
}
