package spannerdb_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// lives are the fields of a task that follow from polls and results; every
// other is what the operator says of it.
var lives = []string{"ID", "Cycle", "Holders", "LastAcceptedAt", "DueAt", "Offer", "Tally"}

// otherwise is the task with this field changed, and nothing else.
func otherwise(t *testing.T, task schedule.Task, field int) schedule.Task {
	t.Helper()
	switch v := reflect.ValueOf(&task).Elem().Field(field); v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + int64(time.Second))
	case reflect.Bool:
		v.SetBool(!v.Bool())
	default:
		t.Fatalf("how is %s changed?", reflect.TypeFor[schedule.Task]().Field(field).Name)
	}
	return task
}

// Whatever an operator says of a task is stored with it, read again, and changed
// by the next load; and a task that is redefined has it.
func TestATaskKeepsEveryField(t *testing.T) {
	db := spannertest.Open(t, spannertest.New(t))
	now, said := time.Now().UTC().Truncate(time.Second), 0
	first := schedule.Task{
		ID: "task", URL: "https://example.com", ExpectedStatus: 200, Timeout: time.Second, RewardMicros: 100,
		Interval: time.Minute, BuyerTier: schedule.BestEffort, Class: schedule.Standard,
	}
	for i := range reflect.TypeFor[schedule.Task]().NumField() {
		name := reflect.TypeFor[schedule.Task]().Field(i).Name
		if slices.Contains(lives, name) {
			continue
		}
		said++
		changed := otherwise(t, first, i)
		for _, load := range []schedule.Task{first, changed} {
			if err := db.LoadTasks(t.Context(), now, []schedule.Task{load}); err != nil {
				t.Fatal(err)
			}
			stored, err := db.Tasks(t.Context())
			if err != nil || len(stored) != 1 {
				t.Fatalf("%d tasks, %v", len(stored), err)
			}
			redefined := first
			redefined.Redefine(&load, now)
			want := reflect.ValueOf(load).Field(i).Interface()
			if got := reflect.ValueOf(stored[0]).Field(i).Interface(); got != want {
				t.Errorf("%s: loaded %v, stored %v", name, want, got)
			}
			if got := reflect.ValueOf(redefined).Field(i).Interface(); got != want {
				t.Errorf("%s: redefined as %v, and is %v", name, want, got)
			}
		}
	}
	if said < 10 {
		t.Errorf("only %d fields were changed", said)
	}
}
