package gettasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/schedule"
)

const (
	address = "0xf86e5516096d5EE5a2E927ec9C014B31C50f1E0C"
	lower   = "0xf86e5516096d5ee5a2e927ec9c014b31c50f1e0c"
)

var now = time.UnixMilli(1764000000000).UTC()

// fakeStore answers with its callbacks; one that is missing fails the test.
type fakeStore struct {
	t     *testing.T
	find  func(now time.Time, poll schedule.Poll, limit int) (schedule.Offers, error)
	claim func(now time.Time, poll schedule.Poll, offers schedule.Offers, limit int) ([]schedule.Task, error)
}

func (f fakeStore) FindOffers(_ context.Context, now time.Time, poll schedule.Poll, limit int) (schedule.Offers, error) {
	if f.find == nil {
		f.t.Error("FindOffers called")
		return schedule.Offers{}, nil
	}
	return f.find(now, poll, limit)
}

func (f fakeStore) ClaimTasks(_ context.Context, now time.Time, poll schedule.Poll, offers schedule.Offers, limit int) ([]schedule.Task, error) {
	if f.claim == nil {
		f.t.Error("ClaimTasks called")
		return nil, nil
	}
	return f.claim(now, poll, offers, limit)
}

func poll(store Store, method, query string) (int, string, http.Header) {
	h := New(Deps{Store: store, Now: func() time.Time { return now }, TasksPerPoll: 10, Log: slog.New(slog.DiscardHandler)})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, "/v1/worker/tasks?"+query, nil))
	return w.Code, strings.TrimSpace(w.Body.String()), w.Header()
}

func TestPollAssignsWhatItReturns(t *testing.T) {
	offers := schedule.Offers{Held: []string{"a"}, IDs: []string{"b", "c"}}
	for _, c := range []struct{ query, region string }{
		{"address=" + address + "&region=US-West", "US-West"},
		{"address=" + lower, "unknown"},
		{"region=&address=0x" + strings.ToUpper(lower[2:]), "unknown"},
		{"address=" + address + "&region=" + strings.Repeat("%C3%A4", 64) + "&more=1", strings.Repeat("ä", 64)},
	} {
		store := fakeStore{t,
			func(at time.Time, poll schedule.Poll, limit int) (schedule.Offers, error) {
				if want := (schedule.Poll{Worker: common.HexToAddress(address), Region: c.region}); !at.Equal(now) || poll != want || limit != 10 {
					t.Errorf("%s: FindOffers(%v, %+v, %d)", c.query, at, poll, limit)
				}
				return offers, nil
			},
			func(at time.Time, poll schedule.Poll, got schedule.Offers, limit int) ([]schedule.Task, error) {
				if want := (schedule.Poll{Worker: common.HexToAddress(address), Region: c.region}); !at.Equal(now) || poll != want || !reflect.DeepEqual(got, offers) || limit != 10 {
					t.Errorf("%s: ClaimTasks(%v, %+v, %v, %d)", c.query, at, poll, got, limit)
				}
				return []schedule.Task{
					{ID: "a", URL: "https://a/?x=1&y=<2>", ExpectedStatus: 200, Timeout: 10 * time.Second, RewardMicros: 100},
					{ID: "c", URL: "https://c/", ExpectedStatus: 404, Timeout: 1500 * time.Millisecond, RewardMicros: 150, Region: "US-West", Interval: time.Minute, Class: schedule.Enterprise},
				}, nil
			}}
		status, body, _ := poll(store, "GET", c.query)
		want := `[{"id":"a","type":"http_check","url":"https://a/?x=1&y=<2>","expectedStatus":200,"timeoutMs":10000,"rewardMicros":100},` +
			`{"id":"c","type":"http_check","url":"https://c/","expectedStatus":404,"timeoutMs":1500,"rewardMicros":150,"region":"US-West"}]`
		if status != 200 || body != want {
			t.Errorf("%s: %d\n got %s\nwant %s", c.query, status, body, want)
		}
	}
}

// The store is told when a poll was proven, to the millisecond.
func TestAProofReachesTheStore(t *testing.T) {
	worker, p := proven(t, "EU", now.Add(-1234*time.Millisecond))
	want := schedule.Poll{Worker: common.HexToAddress(worker), Region: "EU", ProvenAt: now.Add(-1234 * time.Millisecond)}
	asked := 0
	check := func(got schedule.Poll) {
		if asked++; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	store := fakeStore{t,
		func(_ time.Time, poll schedule.Poll, _ int) (schedule.Offers, error) {
			check(poll)
			return schedule.Offers{}, nil
		},
		func(_ time.Time, poll schedule.Poll, _ schedule.Offers, _ int) ([]schedule.Task, error) {
			check(poll)
			return nil, nil
		},
	}
	r := httptest.NewRequest("GET", "/v1/worker/tasks?region=EU&address="+worker, nil)
	p.SetHeaders(r.Header.Set)
	w := httptest.NewRecorder()
	New(Deps{Store: store, Now: func() time.Time { return now }, TasksPerPoll: 10, Log: slog.New(slog.DiscardHandler)}).ServeHTTP(w, r)
	if w.Code != 200 || asked != 2 {
		t.Errorf("%d %s, %d calls", w.Code, w.Body, asked)
	}
}

func TestNothingToDoIsAnEmptyArray(t *testing.T) {
	none := func(time.Time, schedule.Poll, int) (schedule.Offers, error) { return schedule.Offers{}, nil }
	lost := func(time.Time, schedule.Poll, schedule.Offers, int) ([]schedule.Task, error) { return nil, nil }
	for name, store := range map[string]fakeStore{
		"nothing due, or others were fast": {t, none, lost},
	} {
		if status, body, _ := poll(store, "GET", "address="+address); status != 200 || body != "[]" {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

func TestBadInput(t *testing.T) {
	for name, query := range map[string]string{
		"nothing":              "",
		"address: empty":       "address=&region=EU",
		"address: short":       "address=" + lower[:41],
		"address: long":        "address=" + lower + "0",
		"address: no 0x":       "address=" + lower[2:],
		"address: 0X":          "address=0X" + lower[2:],
		"address: not hex":     "address=" + lower[:41] + "g",
		"address: checksum":    "address=0xF" + address[3:],
		"address: white space": "address=" + url.QueryEscape(address+" "),
		"address: other case":  "Address=" + address,
		"region: 65":           "address=" + address + "&region=" + strings.Repeat("a", 65),
		"region: not UTF-8":    "address=" + address + "&region=%ff",
	} {
		status, body, _ := poll(fakeStore{t: t}, "GET", query)
		var e struct{ Error string }
		if err := json.Unmarshal([]byte(body), &e); status != 400 || err != nil || !strings.Contains(e.Error, "address") && !strings.Contains(e.Error, "region") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	for _, method := range []string{"POST", "HEAD", "PUT", "DELETE"} {
		if status, _, header := poll(fakeStore{t: t}, method, "address="+address); status != 405 || header.Get("Allow") != "GET" {
			t.Errorf("%s: %d, Allow %q", method, status, header.Get("Allow"))
		}
	}
}

func TestStoreFailures(t *testing.T) {
	broken := errors.New("spanner: secret")
	find := func(err error) func(time.Time, schedule.Poll, int) (schedule.Offers, error) {
		return func(time.Time, schedule.Poll, int) (schedule.Offers, error) { return schedule.Offers{}, err }
	}
	claim := func(err error) func(time.Time, schedule.Poll, schedule.Offers, int) ([]schedule.Task, error) {
		return func(time.Time, schedule.Poll, schedule.Offers, int) ([]schedule.Task, error) { return nil, err }
	}
	many, missing := fmt.Errorf("spannerdb: secret: %w", schedule.TooManyPollsError{Wait: time.Second}), fmt.Errorf("spannerdb: secret: %w", api.MissingProof())
	for name, c := range map[string]struct {
		store  fakeStore
		status int
	}{
		"finding":                   {fakeStore{t, find(broken), nil}, 500},
		"claiming":                  {fakeStore{t, find(nil), claim(broken)}, 500},
		"out of time":               {fakeStore{t, find(context.DeadlineExceeded), nil}, 503},
		"too often":                 {fakeStore{t, find(many), nil}, 429},
		"too often, seen later":     {fakeStore{t, find(nil), claim(many)}, 429},
		"proof missing":             {fakeStore{t, find(missing), nil}, 401},
		"proof missing, seen later": {fakeStore{t, find(nil), claim(missing)}, 401},
	} {
		status, body, _ := poll(c.store, "GET", "address="+address)
		if status != c.status || strings.Contains(body, "secret") || !strings.HasPrefix(body, `{"error":"`) {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}
