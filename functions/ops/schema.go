package main

import (
	"strings"

	"github.com/BlockRunAI/worker-network/shared/config"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

type schemaCmd struct{}

// Run compares the database with the files of spanner-ddl that this program was
// built with; that one is missing is exit code 3.
func (schemaCmd) Run(c console) error {
	var o config.Operator
	if err := c.load(&o); err != nil {
		return err
	}
	db, err := spannerdb.OpenConfig(c.ctx, spannerdb.Config{Database: o.Database.Name})
	if err != nil {
		return usageError{err}
	}
	defer db.Close()
	files, err := db.Schema(c.ctx)
	if err != nil {
		return err
	}
	missing := false
	for _, f := range files {
		missing = missing || len(f.Missing) > 0
	}
	if c.json {
		err = c.printJSON(files)
	} else {
		err = c.table(func(line func(...string)) {
			for _, f := range files {
				if len(f.Missing) == 0 {
					line(f.Name, "applied")
				} else {
					line(f.Name, "MISSING", strings.Join(f.Missing, ", "))
				}
			}
		})
		if missing {
			c.printf("Apply what is missing (terraform apply); functions answer 503 until then.\n")
		}
	}
	if err == nil && missing {
		err = errAttention
	}
	return err
}
