package spannerdb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cloud.google.com/go/spanner"

	spannerddl "github.com/BlockRunAI/worker-network/spanner-ddl"
)

// ErrSchema means that the database lacks what this program was made for: a
// file of spanner-ddl was not applied to it.
var ErrSchema = errors.New("the database's schema is older than this program")

// SchemaFile is a file of spanner-ddl, and what it makes that the database
// lacks.
type SchemaFile struct {
	Name    string   `json:"file"`
	Missing []string `json:"missing,omitempty"` // tables, indexes, TABLE.COLUMN; none: it was applied
}

const presentQuery = `SELECT TABLE_NAME AS Name FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = '' AND TABLE_NAME IN UNNEST(@names)
UNION ALL
SELECT INDEX_NAME FROM INFORMATION_SCHEMA.INDEXES WHERE TABLE_SCHEMA = '' AND INDEX_NAME IN UNNEST(@names)
UNION ALL
SELECT CONCAT(TABLE_NAME, '.', COLUMN_NAME) FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = '' AND CONCAT(TABLE_NAME, '.', COLUMN_NAME) IN UNNEST(@names)`

// Schema compares the database with the files of spanner-ddl that this program
// holds, in their order, by the names of what they make. A database that has
// more is as good. It is one query.
func (db *DB) Schema(ctx context.Context) ([]SchemaFile, error) {
	made, err := spannerddl.Makes()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range made {
		names = append(names, m.Names...)
	}
	present := map[string]bool{}
	err = db.single().Query(ctx, spanner.Statement{SQL: presentQuery, Params: map[string]any{"names": names}}).Do(func(row *spanner.Row) error {
		var name string
		err := row.Column(0, &name)
		present[name] = true
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("spannerdb: read the schema: %w", err)
	}
	out := make([]SchemaFile, len(made))
	for i, m := range made {
		out[i] = SchemaFile{m.File, slices.DeleteFunc(m.Names, func(name string) bool { return present[name] })}
	}
	return out, nil
}

// CheckSchema is nil when the database has all that the files of spanner-ddl
// make, and ErrSchema, with the first file that is missing, when it has not.
// Any other error says that the database could not be asked.
func (db *DB) CheckSchema(ctx context.Context) error {
	files, err := db.Schema(ctx)
	if err != nil {
		return err
	}
	for _, f := range files {
		if len(f.Missing) > 0 {
			return fmt.Errorf("%w: spanner-ddl/%s was not applied, or not to its end: there is no %s; apply it (terraform apply), then deploy again",
				ErrSchema, f.Name, strings.Join(f.Missing, ", no "))
		}
	}
	return nil
}
