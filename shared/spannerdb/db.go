// Package spannerdb is the only user of the Spanner client. Each file holds
// one verb: one transaction, tagged, safe to run again from its first line,
// with nothing external inside it (cloud.md, Spanner).
//
// Times are UTC. Addresses are stored as 0x and 40 lower-case hex digits.
package spannerdb

import (
	"context"
	"fmt"
	"os"
	"time"

	"cloud.google.com/go/spanner"
	"google.golang.org/api/option"
)

// emulatorHost is read by the Spanner client itself, too.
const emulatorHost = "SPANNER_EMULATOR_HOST"

// skipNullCheck goes into the table hint of a query that forces a
// NULL_FILTERED index: "T@{FORCE_INDEX=I, " + skipNullCheck + "}". The
// emulator cannot see by itself that such a query needs no rows with NULLs;
// Spanner can, and ignores hints with this prefix.
const skipNullCheck = "spanner_emulator.disable_query_null_filtered_index_check=true"

// DB is one connection to the network's database. It is safe for concurrent
// use; one per process is enough.
type DB struct {
	client *spanner.Client
	shards int64

	// gate holds one token while a transaction runs, under the emulator only.
	// The client runs all its transactions on one multiplexed session, and the
	// emulator knows but one transaction a session: without the gate,
	// concurrent ones fail or wait for ever. Two clients still meet at the
	// emulator and abort each other as they should.
	gate chan struct{}
}

// Config says which database, and how its due queue is laid out.
type Config struct {
	Database   string // projects/P/instances/I/databases/D
	TaskShards int    // of the due queue, two of them read by each poll; 0 counts as 1, and config says how many at most
}

// Open connects to the database "projects/P/instances/I/databases/D", on the
// emulator when SPANNER_EMULATOR_HOST is set. It does no I/O: a database that
// is not there shows with the first transaction.
func Open(ctx context.Context, database string, opts ...option.ClientOption) (*DB, error) {
	return OpenConfig(ctx, Config{Database: database}, opts...)
}

// OpenConfig is Open with more than one shard in the due queue.
func OpenConfig(ctx context.Context, c Config, opts ...option.ClientOption) (*DB, error) {
	// The client's own metrics would go to Cloud Monitoring from a background
	// goroutine, which a function that is frozen between requests cannot keep up.
	// One connection carries 100 calls at once, and a function answers 80 requests
	// at once: each more would be another handshake before the first answer.
	config := spanner.ClientConfig{DisableNativeMetrics: true}
	ours := append(counted(), option.WithGRPCConnectionPool(1))
	client, err := spanner.NewClientWithConfig(ctx, c.Database, config, append(ours, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("spannerdb: open %q (want projects/P/instances/I/databases/D): %w", c.Database, err)
	}
	db := &DB{client: client, shards: int64(max(c.TaskShards, 1))}
	if os.Getenv(emulatorHost) != "" {
		db.gate = make(chan struct{}, 1)
	}
	return db, nil
}

// Close frees the connection. Nothing may use the DB afterwards.
func (db *DB) Close() { db.client.Close() }

// readWrite runs fn in a read-write transaction, again from its start when
// Spanner aborts it, until it commits or ctx ends; it returns the commit's
// time. So fn resets its results first, wraps what it returns with %w, and
// touches nothing but tx. tag names the transaction in Spanner's statistics.
// What has begun when ctx ends is seen through (seenThrough).
//
// An error does not prove that nothing was committed: the answer may have
// been lost. Every verb is written so that calling it again is right.
func (db *DB) readWrite(ctx context.Context, tag string, fn func(context.Context, *spanner.ReadWriteTransaction) error) (time.Time, error) {
	leave, err := db.enter(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("spannerdb: %s: %w", tag, err)
	}
	defer leave()
	lasting, cancel := seenThrough(ctx)
	defer cancel()
	resp, err := db.client.ReadWriteTransactionWithOptions(lasting, func(inside context.Context, tx *spanner.ReadWriteTransaction) error {
		if err := ctx.Err(); err != nil { // nothing has begun yet, this time
			return err
		}
		return fn(inside, tx)
	}, spanner.TransactionOptions{TransactionTag: tag})
	if err != nil {
		return time.Time{}, fmt.Errorf("spannerdb: %s: %w", tag, err)
	}
	return resp.CommitTs, nil
}

// finishWithin is how long a transaction may go on after its context ended.
const finishWithin = 10 * time.Second

// seenThrough is a context that ends finishWithin after ctx does. The client
// rolls nothing back of which it does not know that it began, nor a commit
// that it gave up: when a caller hangs up at such a moment, the locks would
// stay until Spanner finds the transaction idle, after ten seconds or more, and
// every other transaction on those rows would wait for them.
func seenThrough(ctx context.Context) (context.Context, context.CancelFunc) {
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-lasting.Done():
		case <-time.After(finishWithin):
			cancel()
		}
	})
	return lasting, func() { stop(); cancel() }
}

// single is a strong read or query on its own, without locks. It is good for
// one use.
func (db *DB) single() *spanner.ReadOnlyTransaction { return db.client.Single() }

// readOnly gives fn several reads of one snapshot, without locks.
func (db *DB) readOnly(ctx context.Context, fn func(context.Context, *spanner.ReadOnlyTransaction) error) error {
	leave, err := db.enter(ctx)
	if err != nil {
		return fmt.Errorf("spannerdb: read only: %w", err)
	}
	defer leave()
	tx := db.client.ReadOnlyTransaction()
	defer tx.Close()
	return fn(ctx, tx)
}

func (db *DB) enter(ctx context.Context) (leave func(), err error) {
	if db.gate == nil {
		return func() {}, nil
	}
	select {
	case db.gate <- struct{}{}:
		return func() { <-db.gate }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
