package spannerdb_test

import (
	"slices"
	"sync/atomic"
	"testing"

	"cloud.google.com/go/spanner"
	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
)

// The list of backups is what was said last, whatever happens to the commit.
func TestSetBackupsFaults(t *testing.T) {
	for name, c := range map[string]struct {
		before, after error
		failed        bool
	}{
		"aborted":             {before: spannertest.ErrAborted},
		"not committed":       {before: spannertest.ErrLost, failed: true},
		"sent again":          {after: spannertest.ErrUnavailable},
		"committed, but lost": {after: spannertest.ErrLost, failed: true},
	} {
		database, plain := loaded(t, nil)
		if err := plain.SetBackups(t.Context(), noon, []common.Address{someone(1), someone(2)}); err != nil {
			t.Fatal(err)
		}
		var commits atomic.Int64
		once := func(err error) func(string) error {
			return func(method string) error {
				if method == "Commit" && err != nil && commits.Add(1) == 1 {
					return err
				}
				return nil
			}
		}
		db := spannertest.Open(t, database, spannertest.Intercept(once(c.before), once(c.after))...)
		wanted := []common.Address{someone(3), someone(2)}
		if err := db.SetBackups(t.Context(), noon, wanted); (err != nil) != c.failed {
			t.Errorf("%s: %v", name, err)
		}
		if err := db.SetBackups(t.Context(), noon, wanted); err != nil {
			t.Errorf("%s, again: %v", name, err)
		}
		var got []string
		err := spannertest.Client(t, database).Single().Read(t.Context(), "BackupWorkers", spanner.AllKeys(), []string{"Worker"}).Do(func(row *spanner.Row) error {
			var w string
			err := row.Column(0, &w)
			got = append(got, w)
			return err
		})
		if err != nil || !slices.Equal(got, []string{text(someone(2)), text(someone(3))}) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
