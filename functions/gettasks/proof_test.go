package gettasks

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// proven signs a poll for address and region, made at the given time.
func proven(t *testing.T, region string, at time.Time) (worker string, p api.PollProof) {
	t.Helper()
	key, err := crypto.HexToECDSA("4bddf931db0fa98d694fd8b903af5742b3b254b68895941a80a7a06161d30d09")
	if err != nil {
		t.Fatal(err)
	}
	worker = crypto.PubkeyToAddress(key.PublicKey).Hex()
	if p, err = api.SignPoll(worker, region, at, "0123456789abcdef", key); err != nil {
		t.Fatal(err)
	}
	return worker, p
}

func TestReadProof(t *testing.T) {
	worker, p := proven(t, "EU", now)
	r := httptest.NewRequest(http.MethodGet, api.TasksPath, nil)
	if got, err := readProof(r, worker, "EU", now); err != nil || got != (proof{}) {
		t.Errorf("no proof: %+v, %v", got, err)
	}
	p.SetHeaders(r.Header.Set)
	if got, err := readProof(r, worker, "EU", now.Add(time.Second)); err != nil || got != (proof{true, now}) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := readProof(r, worker, "", now); err == nil || got != (proof{}) {
		t.Errorf("for another region: %+v, %v", got, err)
	}
}

// A proof that is there but wrong is refused before the store is asked, with a
// code that a program can read.
func TestWrongProofsAreRefused(t *testing.T) {
	worker, p := proven(t, "EU", now)
	for name, c := range map[string]struct {
		query  url.Values
		change func(http.Header)
		now    time.Time
		status int
		code   api.Code
	}{
		"another region":  {url.Values{"address": {worker}, "region": {"US"}}, nil, now, 401, api.ProofSignature},
		"region left out": {url.Values{"address": {worker}}, nil, now, 401, api.ProofSignature},
		"another address": {url.Values{"address": {"0x70997970C51812dc3A010C7d01b50e0d17dc79C8"}, "region": {"EU"}}, nil, now, 401, api.ProofSignature},
		"another nonce": {url.Values{"address": {worker}, "region": {"EU"}}, func(h http.Header) {
			h.Set(api.NonceHeader, "0123456789abcdeg")
		}, now, 401, api.ProofSignature},
		"too old":   {url.Values{"address": {worker}, "region": {"EU"}}, nil, now.Add(api.MaxAge + time.Millisecond), 401, api.ProofClock},
		"too early": {url.Values{"address": {worker}, "region": {"EU"}}, nil, now.Add(-api.MaxAhead - time.Millisecond), 401, api.ProofClock},
		"in part":   {url.Values{"address": {worker}, "region": {"EU"}}, func(h http.Header) { h.Del(api.NonceHeader) }, now, 400, api.ProofMalformed},
	} {
		h := New(Deps{Store: fakeStore{t: t}, Now: func() time.Time { return c.now }, TasksPerPoll: 10, Log: slog.New(slog.DiscardHandler)})
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, api.TasksPath+"?"+c.query.Encode(), nil)
		p.SetHeaders(r.Header.Set)
		if c.change != nil {
			c.change(r.Header)
		}
		h.ServeHTTP(w, r)
		var e api.ErrorBody
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != c.status || e.Code != c.code || e.Error == "" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if challenge := w.Header().Get("WWW-Authenticate"); (challenge != "") != (c.status == 401) {
			t.Errorf("%s: WWW-Authenticate %q", name, challenge)
		}
	}
}
