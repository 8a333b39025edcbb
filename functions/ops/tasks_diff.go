package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// taskChange is what loading a file would do to one task.
type taskChange struct {
	ID     string        `json:"task"`
	New    bool          `json:"new,omitempty"`
	Fields []fieldChange `json:"fields"` // of a new one, all
}

type fieldChange struct {
	Name string `json:"field"`
	From string `json:"from,omitempty"`
	To   string `json:"to"`
}

// fields are what an operator says of a task, in the order and by the names of
// a file.
func fields(t schedule.Task) []fieldChange {
	return []fieldChange{
		{"url", "", t.URL},
		{"expectedStatus", "", fmt.Sprint(t.ExpectedStatus)},
		{"timeoutMs", "", fmt.Sprint(t.Timeout.Milliseconds())},
		{"rewardMicros", "", fmt.Sprint(int64(t.RewardMicros))},
		{"interval", "", t.Interval.String()},
		{"buyerTier", "", fmt.Sprint(t.BuyerTier)},
		{"class", "", fmt.Sprint(t.Class)},
		{"region", "", t.Region},
		{"group", "", t.Group},
		{"paused", "", fmt.Sprint(!t.Active)},
	}
}

// diffTasks says what becomes of the tasks that are there when those of a file
// are loaded, and which of them the file leaves as they are.
func diffTasks(there, file []schedule.Task) (changes []taskChange, untouched []string) {
	known := map[string]schedule.Task{}
	for _, t := range there {
		known[t.ID] = t
	}
	for _, t := range file {
		old, ok := known[t.ID]
		delete(known, t.ID)
		if !ok {
			changes = append(changes, taskChange{t.ID, true, fields(t)})
			continue
		}
		change := taskChange{ID: t.ID}
		before := fields(old)
		for i, f := range fields(t) {
			if f.To != before[i].To {
				change.Fields = append(change.Fields, fieldChange{f.Name, before[i].To, f.To})
			}
		}
		if len(change.Fields) > 0 {
			changes = append(changes, change)
		}
	}
	return changes, slices.Sorted(maps.Keys(known))
}

func (c console) printDiff(changes []taskChange, untouched []string) {
	for _, change := range changes {
		if change.New {
			c.printf("+ %s\n", change.ID)
		} else {
			c.printf("~ %s\n", change.ID)
		}
		for _, f := range change.Fields {
			switch {
			case change.New && (f.To == "" || f.To == "false"):
			case change.New:
				c.printf("    %s: %s\n", f.Name, f.To)
			default:
				c.printf("    %s: %s -> %s\n", f.Name, orNothing(f.From), orNothing(f.To))
			}
		}
	}
	if n := len(untouched); n > 0 {
		c.printf("%d tasks are not in the file and stay as they are (pause a task with \"paused: true\")\n", n)
	}
}

func orNothing(s string) string {
	if s == "" {
		return `""`
	}
	return s
}
