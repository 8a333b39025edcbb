package main

import (
	"context"
	"testing"

	"cloud.google.com/go/spanner"
)

// A copy is all rows of a database at one moment, parents before children.
type copyOf []*spanner.Mutation

// dump reads every table in one snapshot, as a backup does.
func dump(t *testing.T, c *spanner.Client) (rows copyOf) {
	t.Helper()
	ctx := t.Context()
	tx := c.ReadOnlyTransaction()
	defer tx.Close()
	columns := map[string][]string{}
	var tables []string
	each(ctx, t, tx, `SELECT c.TABLE_NAME, c.COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS c
		JOIN INFORMATION_SCHEMA.TABLES t USING (TABLE_SCHEMA, TABLE_NAME)
		WHERE c.TABLE_SCHEMA = '' AND t.TABLE_TYPE = 'BASE TABLE' AND c.IS_GENERATED = 'NEVER'
		ORDER BY t.PARENT_TABLE_NAME IS NOT NULL, c.TABLE_NAME, c.ORDINAL_POSITION`, func(row *spanner.Row) error {
		var table, column string
		if err := row.Columns(&table, &column); err != nil {
			return err
		}
		if columns[table] == nil {
			tables = append(tables, table)
		}
		columns[table] = append(columns[table], column)
		return nil
	})
	if len(tables) < 15 {
		t.Fatalf("only the tables %q were found", tables)
	}
	for _, table := range tables {
		names := columns[table]
		if err := tx.Read(ctx, table, spanner.AllKeys(), names).Do(func(row *spanner.Row) error {
			values := make([]any, len(names))
			for i := range names {
				var v spanner.GenericColumnValue
				if err := row.Column(i, &v); err != nil {
					return err
				}
				values[i] = v
			}
			rows = append(rows, spanner.Insert(table, names, values))
			return nil
		}); err != nil {
			t.Fatalf("%s: %v", table, err)
		}
	}
	return rows
}

// into writes the rows into an empty database.
func (rows copyOf) into(t *testing.T, c *spanner.Client) {
	t.Helper()
	if _, err := c.Apply(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d rows restored", len(rows))
	// An hour later, what was leased at that moment is not any more, and what waited is due.
	_, err := c.ReadWriteTransaction(t.Context(), func(ctx context.Context, tx *spanner.ReadWriteTransaction) error {
		_, err := tx.BatchUpdate(ctx, []spanner.Statement{
			spanner.NewStatement("DELETE FROM Leases WHERE TRUE"),
			spanner.NewStatement("UPDATE WorkerPayouts SET LeaseUntil = TIMESTAMP '2000-01-01T00:00:00Z' WHERE LeaseUntil IS NOT NULL"),
			spanner.NewStatement("UPDATE WorkerPayouts SET WorkAt = TIMESTAMP '2000-01-01T00:00:00Z' WHERE WorkAt IS NOT NULL"),
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func each(ctx context.Context, t *testing.T, tx *spanner.ReadOnlyTransaction, query string, do func(*spanner.Row) error) {
	t.Helper()
	if err := tx.Query(ctx, spanner.NewStatement(query)).Do(do); err != nil {
		t.Fatal(err)
	}
}
