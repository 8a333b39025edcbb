package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/api"
)

type backupsListCmd struct{}

// Run lists the backups.
func (backupsListCmd) Run(c console) error {
	db, err := c.open()
	if err != nil {
		return err
	}
	defer db.Close()
	all, err := db.Backups(c.ctx)
	if err != nil {
		return err
	}
	if c.json {
		return c.printJSON(append([]common.Address{}, all...))
	}
	if len(all) == 0 {
		c.printf("no backups: a window that nobody takes in time is missed; name some: go run ./functions/ops backups set 0x...\n")
	}
	for _, w := range all {
		c.printf("%s\n", w.Hex())
	}
	return nil
}

type backupsSetCmd struct {
	Workers []string `arg:"" optional:"" name:"address" help:"All of them: who is not named is none any more."`
	None    bool     `help:"There shall be no backups."`
}

// backupsSet is the answer with --json.
type backupsSet struct {
	Added   []common.Address `json:"added"`
	Removed []common.Address `json:"removed"`
	Applied bool             `json:"applied"`
}

// Run shows who becomes a backup and who ceases to be one, asks, and does it.
func (cmd backupsSetCmd) Run(c console) error {
	want, err := cmd.addresses()
	if err != nil {
		return usageError{err}
	}
	db, err := c.open()
	if err != nil {
		return err
	}
	defer db.Close()
	have, err := db.Backups(c.ctx)
	if err != nil {
		return err
	}
	out := backupsSet{Added: without(want, have), Removed: without(have, want)}
	return c.apply(change{
		parts: len(out.Added) + len(out.Removed),
		show: func() {
			for _, w := range out.Added {
				c.printf("+ %s\n", w.Hex())
			}
			for _, w := range out.Removed {
				c.printf("- %s\n", w.Hex())
			}
		},
		question: fmt.Sprintf("Make these %d the backups?", len(want)),
		do:       func() error { return db.SetBackups(c.ctx, c.now(), want) },
		again:    "perhaps it was done; doing it again is harmless",
		json: func(applied bool) any {
			out.Applied = applied
			return out
		},
		done: fmt.Sprintf("%d backups", len(want)),
	})
}

func (cmd backupsSetCmd) addresses() ([]common.Address, error) {
	if (len(cmd.Workers) == 0) != cmd.None {
		return nil, errors.New("name the addresses of all backups, or say --none")
	}
	out := []common.Address{}
	for _, text := range cmd.Workers {
		a, err := api.ParseAddress(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w; nothing was changed", text, err)
		}
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out, nil
}

// without are those of all that are not in these.
func without(all, these []common.Address) []common.Address {
	return slices.DeleteFunc(append([]common.Address{}, all...), func(a common.Address) bool { return slices.Contains(these, a) })
}
