// Package spannerddl holds the database's schema, so that programs and tests
// run the very files that production is made from.
package spannerddl

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"

	"github.com/cloudspannerecosystem/memefish"
)

// Files are the migrations, applied in name order. They are append-only: a
// file that was ever deployed is never edited.
//
//go:embed *.sql
var Files embed.FS

// Statements are the DDL statements of all files, in order, without comments
// or trailing semicolons.
func Statements() ([]string, error) {
	names, err := fs.Glob(Files, "*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var out []string
	for _, name := range names {
		text, err := Files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		ddls, err := memefish.ParseDDLs(name, string(text))
		if err != nil {
			return nil, fmt.Errorf("spannerddl: %s: %w", name, err)
		}
		for _, d := range ddls {
			out = append(out, d.SQL())
		}
	}
	return out, nil
}
