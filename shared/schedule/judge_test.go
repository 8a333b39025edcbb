package schedule

import (
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
)

func TestJudge(t *testing.T) {
	now := t0.Add(20 * time.Second)
	at := t0.Add(5 * time.Second)
	accepted := Verdict{Status: api.Accepted}
	rejected := func(c api.Code) Verdict { return Verdict{api.Rejected, c} }
	tests := []struct {
		name   string
		at     time.Time
		change func(*Task, *Assignment)
		noTask bool
		noHold bool
		stored bool
		want   Verdict
	}{
		{name: "good", at: at, want: accepted},
		{name: "after its hold ended, before anybody else was first", at: at, change: func(_ *Task, a *Assignment) { a.ExpiresAt = t0 }, want: accepted},
		{name: "paused meanwhile", at: at, change: func(k *Task, _ *Assignment) { k.Active = false }, want: accepted},
		{name: "unknown task", at: at, noTask: true, noHold: true, want: rejected(api.UnknownTask)},
		{name: "credited before", at: at, stored: true, want: rejected(api.AlreadySubmitted)},
		{name: "credited before, and stale", at: now.Add(-time.Hour), stored: true, want: rejected(api.AlreadySubmitted)},
		{name: "just not stale", at: now.Add(-api.MaxAge), change: func(_ *Task, a *Assignment) { a.AssignedAt = now.Add(-api.MaxAge) }, want: accepted},
		{name: "stale", at: now.Add(-api.MaxAge - 1), want: rejected(api.Stale)},
		{name: "just not too early", at: now.Add(api.MaxAhead), want: accepted},
		{name: "future", at: now.Add(api.MaxAhead + 1), want: rejected(api.Future)},
		{name: "not assigned", at: at, noHold: true, want: rejected(api.NotAssigned)},
		{name: "clock slow by as much as allowed", at: t0.Add(-api.MaxAhead), want: accepted},
		{name: "made before it was assigned", at: t0.Add(-api.MaxAhead - 1), want: rejected(api.NotAssigned)},
		{name: "judged before", at: at, change: func(_ *Task, a *Assignment) { a.ResultAt = at }, want: rejected(api.AlreadySubmitted)},
		{name: "older than what was judged", at: at, change: func(_ *Task, a *Assignment) { a.ResultAt = at.Add(1) }, want: rejected(api.AlreadySubmitted)},
		{name: "newer than what was judged", at: at, change: func(_ *Task, a *Assignment) { a.ResultAt = at.Add(-1) }, want: accepted},
		{name: "cycle won by another", at: at, change: func(k *Task, _ *Assignment) { k.Cycle++ }, want: Verdict{api.Discarded, api.CycleWon}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			task := dueTask()
			held := &Assignment{TaskID: "t", Worker: worker(1), Cycle: 7, AssignedAt: t0, ExpiresAt: t0.Add(hold)}
			task.Holders = []Slot{slot(1, held.ExpiresAt), slot(2, held.ExpiresAt)}
			if tt.change != nil {
				tt.change(&task, held)
			}
			before, heldBefore := task, *held
			k, h := &task, held
			if tt.noTask {
				k = nil
			}
			if tt.noHold {
				h = nil
			}
			if got := Judge(tt.at, now, k, h, tt.stored); got != tt.want {
				t.Fatalf("got %v, want %v", got, tt.want)
			}
			want := tt.at // won or lost, it is remembered
			if tt.want.Status == api.Rejected {
				want = heldBefore.ResultAt
			}
			if !held.ResultAt.Equal(want) {
				t.Errorf("ResultAt is %v, want %v", held.ResultAt, want)
			}
			if tt.want != accepted {
				if task.Cycle != before.Cycle || !task.LastAcceptedAt.Equal(before.LastAcceptedAt) || len(task.Holders) != 2 {
					t.Errorf("a result that did not win changed the task: %+v", task)
				}
				return
			}
			offer := now.Add(task.Interval)
			if !task.Active {
				offer = time.Time{}
			}
			if task.Cycle != 8 || len(task.Holders) != 0 || !task.LastAcceptedAt.Equal(now) || !task.OfferAt.Equal(offer) || !task.DueAt.Equal(now.Add(task.Interval)) {
				t.Errorf("the winner left %+v", task)
			}
		})
	}
}
