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

// Migration is one file: what is applied to a database in one step.
type Migration struct {
	Name       string   // 0001_network.sql
	Statements []string // without comments and trailing semicolons
}

// Migrations are the files in the order in which they are applied.
func Migrations() ([]Migration, error) {
	names, err := fs.Glob(Files, "*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var out []Migration
	for _, name := range names {
		text, err := Files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		ddls, err := memefish.ParseDDLs(name, string(text))
		if err != nil {
			return nil, fmt.Errorf("spannerddl: %s: %w", name, err)
		}
		m := Migration{Name: name}
		for _, d := range ddls {
			m.Statements = append(m.Statements, d.SQL())
		}
		out = append(out, m)
	}
	return out, nil
}

// Statements are the DDL statements of all files, in order.
func Statements() ([]string, error) {
	files, err := Migrations()
	var out []string
	for _, m := range files {
		out = append(out, m.Statements...)
	}
	return out, err
}
