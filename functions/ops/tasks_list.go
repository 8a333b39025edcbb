package main

import (
	"fmt"
	"time"
)

type tasksListCmd struct{}

// taskView is a task with --json.
type taskView struct {
	ID           string            `json:"task"`
	Definition   map[string]string `json:"definition"` // by the names of a file
	Cycle        int64             `json:"cycle"`
	Holders      int               `json:"holders"`
	LastAccepted *time.Time        `json:"lastAccepted,omitempty"`
	Delivered    int64             `json:"windowsDelivered"` // ended with an accepted check
	Missed       int64             `json:"windowsMissed"`    // ended without
}

// Run lists all tasks, with how many of their windows ended with an accepted
// check, and how many without.
func (tasksListCmd) Run(c console) error {
	db, err := c.open()
	if err != nil {
		return err
	}
	defer db.Close()
	tasks, err := db.Tasks(c.ctx)
	if err != nil {
		return err
	}
	if c.json {
		views := make([]taskView, len(tasks))
		for i, t := range tasks {
			views[i] = taskView{ID: t.ID, Definition: map[string]string{}, Cycle: t.Cycle, Holders: len(t.Holders)}
			views[i].Delivered, views[i].Missed = t.Windows(c.now())
			for _, f := range fields(t) {
				views[i].Definition[f.Name] = f.To
			}
			if !t.LastAcceptedAt.IsZero() {
				views[i].LastAccepted = &t.LastAcceptedAt
			}
		}
		return c.printJSON(views)
	}
	if len(tasks) == 0 {
		c.printf("no tasks; load some: go run ./functions/ops tasks load shared/taskfile/pilot.yaml\n")
		return nil
	}
	return c.table(func(line func(...string)) {
		line("TASK", "EVERY", "REWARD", "LAST ACCEPTED", "DELIVERED", "MISSED", "", "URL")
		for _, t := range tasks {
			state := ""
			if !t.Active {
				state = "paused"
			}
			last := "never"
			if !t.LastAcceptedAt.IsZero() {
				last = ago(c.now(), t.LastAcceptedAt)
			}
			delivered, missed := t.Windows(c.now())
			line(t.ID, t.Interval.String(), t.RewardMicros.String(), last, fmt.Sprint(delivered), fmt.Sprint(missed), state, t.URL)
		}
	})
}
