// Package spannertest gives each test a fresh database on the real Spanner
// emulator, with the schema that production has. A package that uses it has
//
//	func TestMain(m *testing.M) { spannertest.Main(m) }
//
// One emulator serves all tests of a package. It starts with the first
// database asked for. A test fails when it cannot be had, and is skipped only
// under -short.
package spannertest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/spanner"
	"google.golang.org/api/option"

	"github.com/BlockRunAI/worker-network/shared/localcloud/emulator"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
	spannerddl "github.com/BlockRunAI/worker-network/spanner-ddl"
)

const (
	project = "test"
	timeout = 2 * time.Minute // for what a test needs from the emulator; far more than usual
)

// network is the emulator that Main stops and that all tests share; nothing
// else connects them.
var network struct {
	sync.Mutex
	started  bool
	emulator *emulator.Emulator
	err      error
	instance string
}

// Main runs the tests, stops the emulator if one was started, and exits.
func Main(m *testing.M) {
	code := m.Run()
	network.Lock()
	if network.emulator != nil {
		network.emulator.Stop()
	}
	os.Exit(code)
}

// Host is the emulator's host:port. SPANNER_EMULATOR_HOST is set from here on.
func Host(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("needs the Spanner emulator; skipped under -short")
	}
	network.Lock()
	defer network.Unlock()
	if !network.started {
		network.started = true
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		defer cancel()
		network.emulator, network.err = emulator.Start(ctx, emulator.Options{Notice: func(s string) { t.Log(s) }})
		if network.err == nil {
			// An emulator that several packages share tells them apart by this.
			network.instance = "test-" + random()
			network.err = os.Setenv(emulator.HostVariable, network.emulator.Host)
		}
	}
	if network.err != nil {
		t.Fatal(network.err)
	}
	return network.emulator.Host
}

var statements = sync.OnceValues(spannerddl.Statements)

// New creates a database with the schema of spanner-ddl, for this test alone,
// and returns its name, "projects/P/instances/I/databases/D".
func New(t testing.TB) string {
	t.Helper()
	ddl, err := statements()
	if err != nil {
		t.Fatal(err)
	}
	return NewWith(t, ddl)
}

// NewWith is New with another schema.
func NewWith(t testing.TB, ddl []string) string {
	t.Helper()
	host := Host(t)
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	id := "t-" + random()
	if err := emulator.CreateDatabase(ctx, host, project, network.instance, id, ddl); err != nil {
		t.Fatal(err)
	}
	name := emulator.DatabaseName(project, network.instance, id)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		if err := emulator.DropDatabase(ctx, host, name); err != nil {
			t.Logf("drop %s: %v", name, err)
		}
	})
	return name
}

// Open connects to a database of New. Each call is a client of its own, as
// each instance of a function has: open several to see them contend.
func Open(t testing.TB, database string, opts ...option.ClientOption) *spannerdb.DB {
	t.Helper()
	return OpenConfig(t, spannerdb.Config{Database: database}, opts...)
}

// OpenConfig is Open with more to say.
func OpenConfig(t testing.TB, c spannerdb.Config, opts ...option.ClientOption) *spannerdb.DB {
	t.Helper()
	db, err := spannerdb.OpenConfig(context.WithoutCancel(t.Context()), c, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// Client is a bare client to look into the tables with. Its transactions must
// not overlap: the emulator knows one transaction a session.
func Client(t testing.TB, database string) *spanner.Client {
	t.Helper()
	config := spanner.ClientConfig{DisableNativeMetrics: true}
	c, err := spanner.NewClientWithConfig(context.WithoutCancel(t.Context()), database, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func random() string {
	var b [8]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
