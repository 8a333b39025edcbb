package schedule

import (
	"reflect"
	"testing"
	"time"
)

// A task that is told of the cycles it has forgotten is as if it had won them;
// told again, it stays so.
func TestWonIsRemembered(t *testing.T) {
	start := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	task := Task{ID: "t", Interval: time.Minute, Timeout: time.Second, BuyerTier: "standard", Class: Standard, Active: true}
	task.Open(start)
	lived, restored := task, task
	var told []time.Time
	for i := range 5 {
		at := start.Add(time.Duration(i) * 75 * time.Second)
		told = append(told, at)
		lived.win(at)
	}
	for round := range 2 {
		for i, at := range told {
			if changed := restored.Won(int64(i)+1, at); changed != (round == 0) {
				t.Errorf("cycle %d, told the %d. time: changed %t", i+1, round+1, changed)
			}
			if i == 4 && !reflect.DeepEqual(restored, lived) {
				t.Errorf("%+v\nwant %+v", restored, lived)
			}
		}
		if restored.Won(2, told[1]) {
			t.Error("an old cycle changed the task")
		}
	}
	if d, _ := restored.Windows(told[4]); d < 3 || restored.Cycle != 6 {
		t.Errorf("%d windows delivered, cycle %d", d, restored.Cycle)
	}
	// Cycles whose results nobody has any more are passed over.
	if gap := task; !gap.Won(4, told[3]) || gap.Cycle != 5 || !gap.LastAcceptedAt.Equal(told[3]) {
		t.Errorf("%+v", gap)
	}
}
