package main

import (
	"fmt"
	"io"
	"os"

	"github.com/BlockRunAI/worker-network/shared/schedule"
	"github.com/BlockRunAI/worker-network/shared/taskfile"
)

type tasksLoadCmd struct {
	File         string `arg:"" help:"The list, YAML or JSON (shared/taskfile/pilot.yaml shows every field); - reads standard input."`
	AllowPrivate bool   `help:"Take targets on private addresses and any port: for a network of one's own, whose workers allow them, too."`
}

// loaded is the answer with --json.
type loaded struct {
	Changes   []taskChange `json:"changes"`
	Untouched []string     `json:"untouched,omitempty"` // not in the file; they stay as they are
	Applied   bool         `json:"applied"`
}

// Run shows what would change, asks, and loads. Loading again changes nothing.
func (cmd tasksLoadCmd) Run(c console) error {
	tasks, err := cmd.read(c)
	if err != nil {
		return usageError{err}
	}
	db, err := c.open()
	if err != nil {
		return err
	}
	defer db.Close()
	there, err := db.Tasks(c.ctx)
	if err != nil {
		return err
	}
	changes, untouched := diffTasks(there, tasks)
	done := fmt.Sprintf("loaded: %d changes", len(changes))
	if len(changes) == 0 {
		done = fmt.Sprintf("all %d tasks of the file are loaded already", len(tasks))
	}
	return c.apply(change{
		parts:    len(changes), // none: it heals shards, should their number have changed
		show:     func() { c.printDiff(changes, untouched) },
		question: fmt.Sprintf("Load these %d changes?", len(changes)),
		do:       func() error { return db.LoadTasks(c.ctx, c.now(), tasks) },
		again:    "perhaps not all was loaded; loading the file again is harmless",
		json:     func(applied bool) any { return loaded{append([]taskChange{}, changes...), untouched, applied} },
		done:     done,
	})
}

func (cmd tasksLoadCmd) read(c console) ([]schedule.Task, error) {
	text, err := cmd.text(c)
	if err != nil {
		return nil, err
	}
	parse := taskfile.Parse
	if cmd.AllowPrivate {
		parse = taskfile.ParseLocal
	}
	tasks, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: nothing was loaded:\n%w", cmd.File, err)
	}
	return tasks, nil
}

func (cmd tasksLoadCmd) text(c console) ([]byte, error) {
	if cmd.File == "-" {
		return io.ReadAll(c.in)
	}
	return os.ReadFile(cmd.File)
}
