package main

import (
	"fmt"

	"github.com/BlockRunAI/worker-network/shared/config"
	"github.com/BlockRunAI/worker-network/shared/spannerdb"
	"github.com/BlockRunAI/worker-network/shared/usdc"
)

const whence = `"terraform output operator_environment" has these of a deployment, and "go run ./functions/local" prints those that a network of this machine has`

// load reads what a command is configured by.
func (c console) load(target interface{ Validate() error }) error {
	if err := config.Load(c.ctx, c.lookup, target); err != nil {
		return usageError{fmt.Errorf("%w\n%s", err, whence)}
	}
	return nil
}

// database connects to the database and makes sure that it has all that this
// program knows.
func (c console) database(d config.Database) (*spannerdb.DB, error) {
	db, err := spannerdb.OpenConfig(c.ctx, spannerdb.Config{Database: d.Name, TaskShards: d.TaskShards})
	if err != nil {
		return nil, usageError{err}
	}
	if err := db.CheckSchema(c.ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("%s: %w", d.Name, err)
	}
	return db, nil
}

// open is load and database for commands that need nothing else.
func (c console) open() (*spannerdb.DB, error) {
	var o config.Operator
	if err := c.load(&o); err != nil {
		return nil, err
	}
	return c.database(o.Database)
}

// openMoney is load and database for commands that have to know whose money
// the books are about, too: database and money are parts of target.
func (c console) openMoney(target interface{ Validate() error }, database *config.Database, money *config.Money) (*spannerdb.DB, usdc.Network, error) {
	if err := c.load(target); err != nil {
		return nil, usdc.Network{}, err
	}
	network, err := money.Network()
	if err != nil {
		return nil, usdc.Network{}, usageError{err}
	}
	db, err := c.database(*database)
	return db, network, err
}
