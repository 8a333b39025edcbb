package network

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	_ "github.com/BlockRunAI/worker-network" // registers the functions
	"github.com/BlockRunAI/worker-network/shared/localcloud/bucket"
	"github.com/BlockRunAI/worker-network/shared/localcloud/emulator"
	"github.com/BlockRunAI/worker-network/shared/localcloud/pushqueue"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
	spannerddl "github.com/BlockRunAI/worker-network/spanner-ddl"
)

const (
	project   = "local"
	topic     = "projects/" + project + "/topics/payouts"
	spendLogs = "spend-logs"
	resultLog = "result-log"
)

// startSpanner starts or finds the emulator, makes a database with the schema
// of production, and loads the tasks.
func (n *Network) startSpanner(ctx context.Context, o Options, env environment) error {
	e, err := emulator.Start(ctx, emulator.Options{Notice: o.Notice})
	if err != nil {
		return err
	}
	stopping := make(chan struct{})
	go func() {
		select {
		case <-stopping:
		case <-e.Ended():
			n.failed <- fmt.Errorf("the Spanner emulator at %s ended, and with it all state; start the network again", e.Host)
		}
	}()
	n.onStop(func() error { close(stopping); e.Stop(); return nil })
	n.Spanner = e.How
	// The client that this process opens below reads it, too.
	undo, err := environment{emulator.HostVariable: e.Host}.export()
	n.onStop(undo)
	if err != nil {
		return err
	}
	statements, err := spannerddl.Statements()
	if err != nil {
		return err
	}
	// An emulator that was there before may hold databases of earlier runs.
	var id [6]byte
	_, _ = rand.Read(id[:])
	name := "network-" + hex.EncodeToString(id[:])
	if err := emulator.CreateDatabase(ctx, e.Host, project, project, name, statements); err != nil {
		return err
	}
	n.Database = emulator.DatabaseName(project, project, name)
	n.onStop(func() error { return dropDatabase(e.Host, n.Database) })
	if n.DB, err = spannerdb.Open(context.WithoutCancel(ctx), n.Database); err != nil {
		return err
	}
	n.onStop(func() error { n.DB.Close(); return nil })
	env["SPANNER_DATABASE"], env[emulator.HostVariable] = n.Database, e.Host
	return n.DB.LoadTasks(ctx, time.Now(), o.Tasks)
}

func dropDatabase(host, database string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return emulator.DropDatabase(ctx, host, database)
}

// spendLog is what RefreshReputation reads at the start: two wallets that have
// paid for LLM calls, one of them enough to be silver, and the Solana wallet of
// the mnemonic "test test test test test test test test test test test junk",
// which makes the worker gold that it is linked to.
const spendLog = `{"wallet":"0x00000000000000000000000000000000000051AE","costUsd":"12.50"}
{"wallet":"0x00000000000000000000000000000000000b4073","costUsd":0.75}
{"wallet":"oeYf6KAJkLYhBuR8CiGc6L4D4Xtfepr85fuDgA9kq96","costUsd":"60"}
`

func (n *Network) startBucket(ctx context.Context, _ Options, env environment) error {
	day := time.Now().UTC().Format(time.DateOnly)
	s, err := bucket.Start(ctx, bucket.Options{
		Name: spendLogs, More: []string{resultLog},
		Objects: map[string][]byte{"llm-calls/" + day + ".jsonl": []byte(spendLog)},
	})
	if err != nil {
		return err
	}
	n.onStop(s.Close)
	n.Storage = "http://" + s.Addr
	env["STORAGE_EMULATOR_HOST"], env["SPEND_LOG_BUCKET"], env["RESULT_LOG_BUCKET"] = s.Addr, spendLogs, resultLog
	return nil
}

func (n *Network) startQueue(ctx context.Context, o Options, env environment, functions *url.URL) error {
	q, err := pushqueue.Start(ctx, pushqueue.Options{
		Topic: topic, Endpoint: functions.JoinPath("ProcessPayout").String(), Copies: o.Copies, Log: o.Log,
	})
	if err != nil {
		return err
	}
	n.onStop(q.Close)
	env["PAYOUT_TOPIC"], env["PUBSUB_EMULATOR_HOST"] = topic, q.Addr
	return nil
}

// serveFunctions lets the framework serve all functions at /Name. It has no
// way to stop: once nothing calls the functions any more, its port is all
// that is left of it, until the process ends.
func (n *Network) serveFunctions(ctx context.Context, port string) error {
	if err := setOrUnset("FUNCTION_TARGET", ""); err != nil {
		return err
	}
	n.serving = true
	ended := make(chan error, 1)
	go func() { ended <- funcframework.StartHostPort("127.0.0.1", port) }()
	dial := net.Dialer{Timeout: time.Second}
	for {
		select {
		case err := <-ended:
			return fmt.Errorf("functions framework on port %s: %w", port, err)
		case <-ctx.Done():
			return fmt.Errorf("functions framework on port %s: %w", port, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
		if conn, err := dial.DialContext(ctx, "tcp", "127.0.0.1:"+port); err == nil {
			conn.Close()
			break
		}
	}
	go func() { n.failed <- fmt.Errorf("the functions framework ended: %w", <-ended) }()
	return nil
}

// serve runs an HTTP server until Stop, which lets the requests under way end.
func (n *Network) serve(what string, ln net.Listener, h http.Handler) {
	s := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(n.log.Handler(), slog.LevelWarn),
	}
	go func() {
		if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			n.failed <- fmt.Errorf("%s ended: %w", what, err)
		}
	}()
	n.onStop(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			return s.Close()
		}
		return nil
	})
}
