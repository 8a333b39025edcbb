package spannerddl_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
	spannerddl "github.com/BlockRunAI/worker-network/spanner-ddl"
)

// Each file makes something by which it can be told that it was applied.
func TestEveryFileMakesSomething(t *testing.T) {
	made, err := spannerddl.Makes()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for i, m := range made {
		if m.File != migrations(t)[i].Name || len(m.Names) == 0 {
			t.Errorf("file %d, %s, makes %q", i, m.File, m.Names)
		}
		all = append(all, m.Names...)
	}
	for _, want := range []string{"Tasks", "TasksByOffer", "PayoutsByNonce", "WorkerPayouts.FailedAt"} {
		if !slices.Contains(all, want) {
			t.Errorf("%s is not among what the files make", want)
		}
	}
	if slices.Contains(all, "ReceiptBatches.ReplacedBy") || len(all) != len(slices.Compact(slices.Sorted(slices.Values(all)))) {
		t.Errorf("what the files make: %q", all)
	}
}

// A database to which only the first files were applied is told from one that
// has all, by the first that is missing; one that has more is as good.
func TestSchemaIsChecked(t *testing.T) {
	files := migrations(t)
	var statements []string
	for i, f := range files {
		statements = append(statements, f.Statements...)
		db := spannertest.Open(t, spannertest.NewWith(t, statements))
		err := db.CheckSchema(context.Background())
		if i == len(files)-1 {
			if err != nil {
				t.Errorf("with all files: %v", err)
			}
			continue
		}
		if !errors.Is(err, spannerdb.ErrSchema) || !strings.Contains(err.Error(), files[i+1].Name) {
			t.Errorf("with the files to %s: %v; want one that names %s", f.Name, err, files[i+1].Name)
		}
	}
	newer := append(slices.Clone(statements), "CREATE TABLE Later (Id STRING(36) NOT NULL) PRIMARY KEY (Id)", "ALTER TABLE Tasks ADD COLUMN Later STRING(10)")
	if err := spannertest.Open(t, spannertest.NewWith(t, newer)).CheckSchema(context.Background()); err != nil {
		t.Errorf("a newer database: %v", err)
	}
	// Half a file: one statement of the last is missing.
	half := statements[:len(statements)-1]
	if err := spannertest.Open(t, spannertest.NewWith(t, half)).CheckSchema(context.Background()); !errors.Is(err, spannerdb.ErrSchema) {
		t.Errorf("half of the last file: %v", err)
	}
}

// What could not be asked is no verdict.
func TestSchemaThatCannotBeAsked(t *testing.T) {
	db := spannertest.Open(t, spannertest.New(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.CheckSchema(ctx); err == nil || errors.Is(err, spannerdb.ErrSchema) {
		t.Errorf("not asked: %v", err)
	}
	if err := spannertest.Open(t, spannertest.NewWith(t, nil)).CheckSchema(t.Context()); !errors.Is(err, spannerdb.ErrSchema) || !strings.Contains(err.Error(), "0001_network.sql") {
		t.Errorf("an empty database: %v", err)
	}
}

func BenchmarkMakes(b *testing.B) {
	for b.Loop() {
		if _, err := spannerddl.Makes(); err != nil {
			b.Fatal(err)
		}
	}
}
