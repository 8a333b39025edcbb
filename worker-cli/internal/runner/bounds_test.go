package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/check"
)

// Tasks that are out of bounds are not carried out, harm no neighbour and are
// told of once, in few words.
func TestTasksOutOfBounds(t *testing.T) {
	good := func(id, url string) api.Task {
		return api.Task{ID: id, Type: api.HTTPCheck, URL: url, ExpectedStatus: 200}
	}
	longest := good(strings.Repeat("x", 128), strings.Repeat("u", 2048))
	tasks := []api.Task{
		good("a.B_1:-", "u"), longest,
		good("", "u"), good("a b", "u"), good("a\n", "u"), good("\u009b2J\u202e", "u"), good("é", "u"), good("\xff", "u"),
		good(strings.Repeat("x", 129), "u"), good(strings.Repeat("y", 500_000), strings.Repeat("v", 500_000)),
		good("long", strings.Repeat("u", 2049)),
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorker(&network{tasks: func(int) ([]api.Task, error) { return slices.Clone(tasks), nil }})
		w.runFor(t, 100*time.Second) // more than two polls
		polls := events[Poll](w)
		if len(polls) < 3 || polls[0].Tasks != 2 {
			t.Fatalf("%+v, want 2 tasks in each", polls)
		}
		for _, c := range events[Check](w) {
			if c.TaskID != "a.B_1:-" && c.TaskID != longest.ID {
				t.Errorf("%.50q was carried out", c.TaskID)
			}
		}
		refused := events[Refused](w)
		if len(refused) != len(tasks)-2 {
			t.Errorf("%d refusals told, want each of %d once", len(refused), len(tasks)-2)
		}
		for _, e := range refused {
			if len(e.TaskID) > 128 || len(e.URL) > 2048 || len(e.Reason) > 100 || e.Reason == "" {
				t.Errorf("%d bytes of id, %d of URL: %q", len(e.TaskID), len(e.URL), e.Reason)
			}
		}
	})
}

// What the checker refuses is told once, too; what changes is told again, and
// the memory has an end.
func TestRefusalsAreToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &network{tasks: func(poll int) ([]api.Task, error) {
			tasks := []api.Task{{ID: "same"}, {ID: fmt.Sprint("poll", poll)}}
			return tasks, nil
		}}
		w := newWorker(n)
		w.Check = func(context.Context, api.Task) (check.Observation, error) {
			return check.Observation{}, check.ErrRefused
		}
		w.runFor(t, 10*time.Hour)
		count := map[string]int{}
		for _, e := range events[Refused](w) {
			count[e.TaskID]++
		}
		polls := len(n.polledAt)
		if polls < maxTold || count["same"] > 1+polls/(maxTold-1) || len(count) != polls+1 || len(w.told) > maxTold {
			t.Errorf("%d polls, %d refused, \"same\" told %d times, %d remembered", polls, len(count), count["same"], len(w.told))
		}
	})
}

// Whatever a check saw, its result is one that the API takes.
func TestResultsAreWhatTheAPITakes(t *testing.T) {
	key, err := crypto.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		seen   check.Observation
		status int
		error  string
	}{
		"200":           {check.Observation{Success: true, StatusCode: 200}, 200, ""},
		"none":          {check.Observation{Error: "Timeout after 10000ms"}, 0, "Timeout after 10000ms"},
		"100":           {check.Observation{StatusCode: 100}, 100, ""},
		"599":           {check.Observation{StatusCode: 599}, 599, ""},
		"600":           {check.Observation{StatusCode: 600}, 0, "Unknown HTTP status 600"},
		"999":           {check.Observation{StatusCode: 999}, 0, "Unknown HTTP status 999"},
		"99, explained": {check.Observation{StatusCode: 99, Error: "odd"}, 0, "odd"},
		"negative":      {check.Observation{StatusCode: -1}, 0, "Unknown HTTP status -1"},
		"1024 bytes":    {check.Observation{Error: strings.Repeat("e", 1024)}, 0, strings.Repeat("e", 1024)},
		"1025 bytes":    {check.Observation{Error: strings.Repeat("e", 1025)}, 0, strings.Repeat("e", 1024)},
		"1 MB":          {check.Observation{Error: "x" + strings.Repeat("é", 500_000)}, 0, "x" + strings.Repeat("é", 511)},
		"not UTF-8":     {check.Observation{Error: "a\xff" + strings.Repeat("\xfe", 2000)}, 0, "a?"},
		"clock went":    {check.Observation{StatusCode: 200, ResponseTime: -time.Second}, 200, ""},
	} {
		c.seen.At = time.UnixMilli(1764000000000)
		sent := newResult(api.Task{ID: "t"}, c.seen, 0)
		sent.WorkerAddress = crypto.PubkeyToAddress(key.PublicKey).Hex()
		if err := api.Sign(&sent, key); err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal([]api.Result{sent})
		if err != nil {
			t.Fatal(err)
		}
		got, faults, err := api.DecodeResults(bytes.NewReader(body))
		if err != nil || faults[0] != nil {
			t.Errorf("%s: %v, %v", name, faults, err)
			continue
		}
		status := 0
		if got[0].StatusCode != nil {
			status = *got[0].StatusCode
		}
		if v := api.Verify(got[0]); v.Code != "" || status != c.status || got[0].Error != c.error || len(got[0].Error) > 1024 {
			t.Errorf("%s: %+v; status %d, error %.80q", name, v, status, got[0].Error)
		}
	}
}
