package spannerddl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cloudspannerecosystem/memefish"
	"github.com/cloudspannerecosystem/memefish/ast"
)

// Made is what a file adds to the schema and no later file takes away: tables
// ("Tasks"), indexes ("TasksByOffer"), and columns that are added to a table of
// an earlier file ("WorkerPayouts.FailedAt").
type Made struct {
	File  string // 0001_network.sql
	Names []string
}

// Makes says what the files make, in their order.
func Makes() ([]Made, error) {
	files, err := Migrations()
	if err != nil {
		return nil, err
	}
	out := make([]Made, len(files))
	for i, f := range files {
		out[i].File = f.Name
		for _, statement := range f.Statements {
			d, err := memefish.ParseDDL(f.Name, statement)
			if err != nil {
				return nil, fmt.Errorf("spannerddl: %s: %w", f.Name, err)
			}
			made, gone, err := effect(d)
			if err != nil {
				return nil, fmt.Errorf("spannerddl: %s: %w", f.Name, err)
			}
			if made != "" {
				out[i].Names = append(out[i].Names, made)
			}
			if gone != "" {
				forget(out[:i+1], gone)
			}
		}
	}
	return out, nil
}

// effect is the name that a statement makes, or takes away.
func effect(d ast.DDL) (made, gone string, err error) {
	switch d := d.(type) {
	case *ast.CreateTable:
		return d.Name.SQL(), "", nil
	case *ast.CreateIndex:
		return d.Name.SQL(), "", nil
	case *ast.DropTable:
		return "", d.Name.SQL(), nil
	case *ast.DropIndex:
		return "", d.Name.SQL(), nil
	case *ast.AlterTable:
		switch change := d.TableAlteration.(type) {
		case *ast.AddColumn:
			return d.Name.SQL() + "." + change.Column.Name.SQL(), "", nil
		case *ast.DropColumn:
			return "", d.Name.SQL() + "." + change.Name.SQL(), nil
		}
		return "", "", nil // of a column or a table that is there
	}
	return "", "", fmt.Errorf("what does this make? say it in expect.go: %s", d.SQL())
}

// forget takes a name, and for a table its columns, from what was made.
func forget(made []Made, gone string) {
	for i := range made {
		made[i].Names = slices.DeleteFunc(made[i].Names, func(name string) bool {
			return name == gone || strings.HasPrefix(name, gone+".")
		})
	}
}
