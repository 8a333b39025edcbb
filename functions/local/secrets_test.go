package main

import (
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/spanner"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
)

// A node is reached by a URL whose path is a key, and fails when told to, with
// an answer that quotes what it was asked.
func secretNode(t *testing.T, chainURL string) (address string, failing *atomic.Bool) {
	t.Helper()
	target, err := url.Parse(chainURL)
	if err != nil {
		t.Fatal(err)
	}
	failing = new(atomic.Bool)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.URL.Path = "/" }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !failing.Load() {
			proxy.ServeHTTP(w, r)
			return
		}
		asked, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(w, "no answer for "+r.URL.String()+": "+string(asked))
	}))
	t.Cleanup(server.Close)
	return server.URL + "/v2/NODE-KEY-5ecre7", failing
}

// Whatever happens on the way of money, at the most talkative level, no line of
// the log holds a key, a stored authorization, or the node's URL.
func TestNoLogLineHoldsASecret(t *testing.T) {
	spannertest.Host(t)
	logged := logOf(t)
	var f *fleet
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	lookup, money := environment(t, server)
	node, failing := secretNode(t, money.RPC)
	lookup = override(lookup, map[string]string{
		"LOG_LEVEL": "DEBUG", "BASE_RPC_URL": node, "PAYOUT_PUBLISH_GRACE": "0s",
	})
	f = newFleet(t, lookup)
	database, _ := lookup("SPANNER_DATABASE")
	db := spannertest.Open(t, database)
	loadLongTasks(t, db, 5)

	w := &shift{testWorker: newTestWorker(t, server.URL)}
	done := w.take(t)
	w.hand(t, api.Accepted, done[0])
	settled(t, server.URL, db, 1)
	failing.Store(true) // from here on everything that asks the chain fails
	w.hand(t, api.Accepted, done[1])
	eventually(t, time.Minute, "the log says that the chain fails", func() bool { return strings.Contains(logged(), "chain not readable") })
	failing.Store(false)
	settled(t, server.URL, db, 2)

	text := strings.ToLower(logged())
	for _, line := range []string{"results judged", "payout confirmed", "receipts confirmed", "tasks assigned", "chain not readable", `"severity":"debug"`} {
		if !strings.Contains(text, line) {
			t.Errorf("the log has no line %q: it does not show what this test is for", line)
		}
	}
	secrets := map[string]string{"the node's key": "NODE-KEY-5ecre7"}
	for _, name := range []string{"TREASURY_KEY", "LOG_SENDER_KEY"} {
		key, _ := lookup(name)
		secrets[name] = strings.TrimPrefix(key, "0x")
	}
	signatures := 0
	if err := spannertest.Client(t, database).Single().Read(t.Context(), "WorkerPayouts", spanner.AllKeys(), []string{"Signature"}).Do(func(row *spanner.Row) error {
		var s spanner.NullString
		if err := row.Column(0, &s); err != nil || !s.Valid {
			return err
		}
		signatures++
		digits := strings.TrimPrefix(s.StringVal, "0x")
		raw, err := hex.DecodeString(digits)
		secrets["an authorization, in hex"] = digits[:40]
		secrets["an authorization, in base64"] = base64.StdEncoding.EncodeToString(raw)[:30]
		return err
	}); err != nil || signatures != 2 {
		t.Fatalf("%d signatures, %v", signatures, err)
	}
	for what, secret := range secrets {
		if at := strings.Index(text, strings.ToLower(secret)); at >= 0 {
			t.Errorf("%s is in the log: ...%s", what, text[max(0, at-300):at+20])
		}
	}
}

// logOf keeps what the functions that are made from here on log.
func logOf(t *testing.T) func() string {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	stderr := os.Stderr
	os.Stderr = file
	t.Cleanup(func() { os.Stderr = stderr; file.Close() })
	return func() string {
		text, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}
