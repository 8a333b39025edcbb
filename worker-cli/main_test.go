package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/BlockRunAI/worker-network/shared/api"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"worker-cli": main})
}

// Each script has a network of its own at $API, whose mood it sets with the
// command api, and a target at $TARGET that is up, and down below /down.
// paid N waits until the network has accepted N results in all, and deaf N
// until it has not listened to N submissions.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			target := httptest.NewServer(http.HandlerFunc(serveTarget))
			n := &network{target: target.URL}
			server := httptest.NewServer(n)
			env.Defer(target.Close)
			env.Defer(server.Close)
			env.Values["network"] = n
			home := filepath.Join(env.WorkDir, "home")
			env.Setenv("HOME", home)
			env.Setenv("USERPROFILE", home)
			env.Setenv("TARGET", target.URL)
			env.Setenv("API", server.URL+"/api")
			env.Setenv("KEY", "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
			env.Setenv("ADDRESS", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
			return os.Mkdir(home, 0o700)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"api":      setMood,
			"paid":     awaitPaid,
			"deaf":     awaitDeaf,
			"polled":   awaitPolls,
			"mode":     checkMode,
			"exitcode": wantExitCode,
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
	})
}

func serveTarget(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/down":
		w.WriteHeader(http.StatusServiceUnavailable)
	case "/slow":
		select {
		case <-time.After(10 * time.Second):
		case <-r.Context().Done():
		}
	}
}

// network is an API in one of several moods.
type network struct {
	target string

	mu    sync.Mutex
	mood  string
	paid  map[string]bool
	polls int
	deaf  int // submissions that were not heard
}

func (n *network) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch n.mood {
	case "broken":
		w.WriteHeader(http.StatusInternalServerError)
		_ = json.NewEncoder(w).Encode(api.ErrorBody{Error: "database is away\x1b[2J"})
		return
	case "busy":
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	case "outdated":
		w.WriteHeader(http.StatusUpgradeRequired)
		_ = json.NewEncoder(w).Encode(api.ErrorBody{Error: "too old", MinimumVersion: "v9.0.0"})
		return
	case "garbage":
		fmt.Fprint(w, "<html>hello")
		return
	case "login":
		http.Redirect(w, r, "http://login.example/", http.StatusFound)
		return
	case "ahead", "behind": // its clock
		off := map[string]time.Duration{"ahead": time.Minute, "behind": -time.Minute}[n.mood]
		w.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
	case "demanding":
		w.WriteHeader(http.StatusUpgradeRequired)
		_ = json.NewEncoder(w).Encode(api.ErrorBody{Error: "too old", MinimumVersion: "v9.1.0"})
		return
	}
	if r.URL.Path == "/api"+api.StatusPath {
		n.status(w, r.URL.Query())
		return
	}
	if r.URL.Path == "/api"+api.LinkPath {
		n.link(w, r)
		return
	}
	if r.URL.Path == "/api"+api.TasksPath {
		n.polls++
		if err := proven(r); err != nil { // the worker proves every poll
			w.WriteHeader(http.StatusUnauthorized)
			_ = json.NewEncoder(w).Encode(api.ErrorBody{Error: err.Error()})
			return
		}
		_ = json.NewEncoder(w).Encode(n.tasks())
		return
	}
	if r.URL.Path != "/api"+api.ResultsPath { // somebody looks whether anybody is there
		http.NotFound(w, r)
		return
	}
	switch n.mood {
	case "deaf":
		n.deaf++
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case "hung":
		n.deaf++
		n.mu.Unlock() // the others are answered
		select {
		case <-r.Context().Done():
		case <-time.After(10 * time.Second):
		}
		n.mu.Lock()
		return
	}
	results, _, err := api.DecodeResults(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	_ = json.NewEncoder(w).Encode(n.judge(results))
}

func proven(r *http.Request) error {
	proof, err := api.ReadPollProof(r.Header.Values)
	if err != nil {
		return err
	}
	if proof == nil {
		return errors.New("no proof")
	}
	query := r.URL.Query()
	return proof.Verify(query.Get("address"), query.Get("region"), time.Now())
}

func (n *network) tasks() []api.Task {
	task := func(id, path string, timeout int64) api.Task {
		return api.Task{ID: id, Type: api.HTTPCheck, URL: n.target + path, ExpectedStatus: 200, TimeoutMs: timeout, RewardMicros: 100}
	}
	switch n.mood {
	case "idle":
		return []api.Task{}
	case "slow":
		return []api.Task{task("task_up", "/", 5000), task("task_slow", "/slow", 9000)}
	case "rude":
		return []api.Task{task("task_\x1b[31m\u202e", "/\x1b", 5000)}
	}
	return []api.Task{task("task_up", "/", 5000), task("task_down", "/down", 5000), task("task_slow", "/slow", 100)}
}

func (n *network) judge(results []api.Result) (answer api.SubmitResponse) {
	if n.paid == nil {
		n.paid = map[string]bool{}
	}
	for _, r := range results {
		o := api.Outcome{TaskID: r.TaskID, Status: api.Accepted, RewardMicros: 100}
		id := r.TaskID + "@" + strconv.FormatInt(r.Timestamp, 10)
		switch v := api.Verify(r); {
		case v.Code != "":
			o = api.Outcome{TaskID: r.TaskID, Status: api.Rejected, Code: v.Code}
		case n.paid[id]:
			o = api.Outcome{TaskID: r.TaskID, Status: api.Rejected, Code: api.AlreadySubmitted}
		case n.mood == "beaten":
			o = api.Outcome{TaskID: r.TaskID, Status: api.Discarded, Code: api.CycleWon}
		default:
			n.paid[id] = true
			answer.Accepted++
		}
		answer.Results = append(answer.Results, o)
	}
	answer.Earned = fmt.Sprintf("0.%06d", 100*answer.Accepted)
	return answer
}

func setMood(ts *testscript.TestScript, _ bool, args []string) {
	n := ts.Value("network").(*network)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mood = args[0]
}

func awaitPaid(ts *testscript.TestScript, _ bool, args []string) {
	awaitCount(ts, args[0], func(n *network) int { return len(n.paid) })
}

func awaitDeaf(ts *testscript.TestScript, _ bool, args []string) {
	awaitCount(ts, args[0], func(n *network) int { return n.deaf })
}

func awaitPolls(ts *testscript.TestScript, _ bool, args []string) {
	awaitCount(ts, args[0], func(n *network) int { return n.polls })
}

func awaitCount(ts *testscript.TestScript, arg string, count func(*network) int) {
	n := ts.Value("network").(*network)
	want, err := strconv.Atoi(arg)
	ts.Check(err)
	got := -1
	for start := time.Now(); time.Since(start) < 20*time.Second; time.Sleep(10 * time.Millisecond) {
		n.mu.Lock()
		got = count(n)
		n.mu.Unlock()
		if got >= want {
			return
		}
	}
	ts.Fatalf("waited for %d, got %d", want, got)
}

// checkMode checks a file's permissions: mode 600 FILE.
func checkMode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}

// wantExitCode runs a command that must end with a code: exitcode 3 worker-cli run.
func wantExitCode(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	e, ok := errors.AsType[*exec.ExitError](err)
	if !ok || strconv.Itoa(e.ExitCode()) != args[0] {
		ts.Fatalf("%v, want exit code %s", err, args[0])
	}
}

// await reads lines until one holds text.
func await(t *testing.T, lines *bufio.Scanner, text string) {
	t.Helper()
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			return
		}
	}
	t.Fatalf("it never said %q", text)
}
