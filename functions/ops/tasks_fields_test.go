package main

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// A file that changes any one thing that an operator says of a task shows it:
// what is not shown is not loaded.
func TestEveryFieldOfATaskIsShown(t *testing.T) {
	lives := []string{"ID", "Cycle", "Holders", "LastAcceptedAt", "DueAt", "Offer", "Tally"} // follow from polls and results
	said := 0
	for i := range reflect.TypeFor[schedule.Task]().NumField() {
		name := reflect.TypeFor[schedule.Task]().Field(i).Name
		if slices.Contains(lives, name) {
			continue
		}
		said++
		before := schedule.Task{ID: "task"}
		after := before
		switch v := reflect.ValueOf(&after).Elem().Field(i); v.Kind() {
		case reflect.String:
			v.SetString("x")
		case reflect.Int, reflect.Int64:
			v.SetInt(int64(time.Second))
		case reflect.Bool:
			v.SetBool(true)
		default:
			t.Fatalf("how is %s changed?", name)
		}
		if changes, _ := diffTasks([]schedule.Task{before}, []schedule.Task{after}); len(changes) != 1 || len(changes[0].Fields) != 1 {
			t.Errorf("%s: shown are %+v", name, changes)
		}
	}
	if said < 10 {
		t.Errorf("only %d fields were changed", said)
	}
}
