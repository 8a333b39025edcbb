package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/schedule"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

func TestMain(m *testing.M) { spannertest.Main(m) }

// world is a database of its own, and an operator's terminal.
type world struct {
	*testing.T
	db  *spannerdb.DB
	env map[string]string
	now time.Time
	in  string // typed by somebody; empty: nobody is there
	who string // empty: ann
}

func newWorld(t *testing.T) *world {
	t.Helper()
	name := spannertest.New(t)
	return &world{T: t, db: spannertest.Open(t, name), env: map[string]string{"SPANNER_DATABASE": name}, now: time.Now().UTC().Truncate(time.Millisecond)}
}

// ops runs one command line.
func (w *world) ops(args ...string) (code int, out, errs string) {
	w.Helper()
	var stdout, stderr bytes.Buffer
	code = run(args, console{
		ctx: w.Context(), in: strings.NewReader(w.in), out: &stdout, err: &stderr,
		lookup:   func(name string) (string, bool) { v, ok := w.env[name]; return v, ok },
		terminal: w.in != "", now: func() time.Time { return w.now }, who: cmp.Or(w.who, "ann"),
	})
	return code, stdout.String(), stderr.String()
}

// says fails the test unless the command ends with that code and prints all of
// these, on whichever stream.
func (w *world) says(want int, args []string, parts ...string) string {
	w.Helper()
	code, out, errs := w.ops(args...)
	if code != want {
		w.Fatalf("ops %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, out, errs)
	}
	for _, part := range parts {
		if !strings.Contains(out+errs, part) {
			w.Errorf("ops %s does not say %q:\n%s%s", strings.Join(args, " "), part, out, errs)
		}
	}
	return out
}

func line(text string) []string { return strings.Fields(text) }

func (w *world) decode(text string, v any) {
	w.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		w.Fatalf("%v in %s", err, text)
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) file(text string) string {
	w.Helper()
	name := filepath.Join(w.TempDir(), "tasks.yaml")
	w.must(os.WriteFile(name, []byte(text), 0o600))
	return name
}

var policy = ledger.PayoutPolicy{
	ChainID: 84532, Token: common.HexToAddress("0x036CbD53842c5426634e7929541eC2318f3dCF7e"), Treasury: common.HexToAddress("0x7e"), Threshold: 100,
}

var caps = ledger.PayoutCaps{PerPayout: 1_000_000, PerDay: 100_000_000}

func worker(i int) common.Address { return common.BytesToAddress([]byte{0xee, byte(i)}) }

// open has a worker earn a payout of 100 micros.
func (w *world) open(i int, p ledger.PayoutPolicy) ledger.PayoutID {
	w.Helper()
	task := fmt.Sprintf("task_%d", i)
	w.must(w.db.LoadTasks(w.Context(), w.now, []schedule.Task{{
		ID: task, URL: "https://example.org/", ExpectedStatus: 200, Timeout: 10 * time.Second, RewardMicros: 100,
		Interval: time.Hour, BuyerTier: "standard", Class: schedule.Standard, Active: true,
	}}))
	claimed, err := w.db.ClaimTasks(w.Context(), w.now, schedule.Poll{Worker: worker(i)}, schedule.Offers{IDs: []string{task}}, 1)
	w.must(err)
	if len(claimed) != 1 {
		w.Fatalf("claimed %v", claimed)
	}
	status := 200
	r := api.Result{
		TaskID: task, WorkerAddress: worker(i).Hex(), Timestamp: w.now.UnixMilli() + 1, Success: true, ResponseTimeMs: 5, StatusCode: &status,
		Signature: "0x" + strings.Repeat("5a", 65), // checked before the database is asked
	}
	crediter, err := w.db.Crediter(p)
	w.must(err)
	judged, opened, err := crediter.CreditResults(w.Context(), w.now, []ledger.SubmittedResult{
		{Worker: worker(i), TaskID: task, At: time.UnixMilli(r.Timestamp), Result: r, ResultID: api.ResultID(r)},
	})
	w.must(err)
	if len(opened) != 1 {
		w.Fatalf("opened %v of %+v", opened, judged)
	}
	return opened[0]
}

func (w *world) payout(id ledger.PayoutID) ledger.Payout {
	w.Helper()
	found, err := w.db.PayoutsByID(w.Context(), []ledger.PayoutID{id})
	w.must(err)
	if len(found) != 1 {
		w.Fatalf("payout %s: %v", id, found)
	}
	return found[0]
}

// Whatever a command lacks, it names it, says what to set and where to find it,
// and does nothing.
func TestWhatIsMissingIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"tasks list":     "SPANNER_DATABASE is not set; set it to projects/P/instances/I/databases/D",
		"payouts list":   "SPANNER_DATABASE",
		"payouts pause":  "SPANNER_DATABASE",
		"payouts resume": "SPANNER_DATABASE",
		"payouts status": "SPANNER_DATABASE",

		"payouts recover --since 2026-11-22T09:00:00Z": "RESULT_LOG_BUCKET is not set",
		"schema":              "SPANNER_DATABASE",
		"balances":            "BASE_RPC_URL is not set",
		"reconcile":           "LOG_SENDER_ADDRESSES is not set",
		"deadletters list":    "PAYOUT_DEAD_LETTER_SUBSCRIPTION is not set",
		"deadletters requeue": "PAYOUT_TOPIC is not set",
	} {
		w := &world{T: t}
		w.says(exitUsage, line(text), want, "terraform output operator_environment", "functions/local")
	}
	w := &world{T: t}
	w.says(exitUsage, line("kms-address"), "TREASURY_KMS_KEY")
}

func TestUsage(t *testing.T) {
	w := &world{T: t}
	for _, c := range []struct{ text, want string }{
		{"tasks", "expected one of"},
		{"tasks load", "expected \"<file>\""},
		{"tasks load /nonexistent.yaml", "no such file"},
		{"payouts list --state paid", "want one of"},
		{"payouts list --state confirmed", "what is confirmed is paid"},
		{"payouts list --limit 0", "want 1 to 10000"},
		{"payouts requeue", "say which payouts"},
		{"payouts requeue --failed 0xab-1", "say which payouts"},
		{"payouts recover", "--since"},
		{"payouts recover --since yesterday", `--since: "yesterday" is no time such as 2026-11-22T09:00:00Z`},
		{"payouts recover --since 2026-11-22T09:00", "is no time such as"},
		{"payouts requeue 0x12-1", "is no payout id"},
		{"reconcile --as ann", "--accept"},
		{"reconcile --accept x", "say who accepts it"},
		{"payouts stop", "unexpected argument stop"},
	} {
		w.says(exitUsage, line(c.text), c.want)
	}
	w.says(0, line("--help"), "Exit codes", "payouts requeue --failed")
	w.says(0, nil, "Exit codes")
	w.says(0, line("payouts requeue --help"), "--failed")
}

// A database that cannot be reached is no mistake of the operator's; one that
// lacks a file is told so, whatever was asked for.
func TestSchema(t *testing.T) {
	w := newWorld(t)
	w.says(0, line("schema"), "0001_network.sql", "0008_operator.sql", "applied")
	var files []spannerdb.SchemaFile
	w.decode(w.says(0, line("schema --json")), &files)
	if len(files) < 8 || slices.ContainsFunc(files, func(f spannerdb.SchemaFile) bool { return len(f.Missing) > 0 }) {
		t.Errorf("%+v", files)
	}
	empty := maps.Clone(w.env)
	empty["SPANNER_DATABASE"] = spannertest.NewWith(t, nil)
	w.env = empty
	w.says(exitAttention, line("schema"), "0001_network.sql", "MISSING", "Tasks")
	w.says(exitUsage, line("tasks list"), "0001_network.sql was not applied")
	w.says(exitUsage, line("payouts pause"), "0001_network.sql was not applied")
}
