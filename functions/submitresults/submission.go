package submitresults

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// A submission is one request's results on their way through.
type submission struct {
	outcomes []api.Outcome            // side by side with the request's results
	batch    []ledger.SubmittedResult // those whose fields and signature are good
	place    []int                    // of each in batch: its place in outcomes
	earned   ledger.Micros
}

// verify keeps the results that prove themselves and rejects the others.
func verify(results []api.Result, faults []error) *submission {
	s := &submission{
		outcomes: make([]api.Outcome, len(results)),
		batch:    make([]ledger.SubmittedResult, 0, len(results)),
		place:    make([]int, 0, len(results)),
	}
	for i, v := range api.VerifyBatch(results) {
		r := results[i]
		s.outcomes[i] = api.Outcome{TaskID: taskName(r.TaskID), Status: api.Rejected, Code: v.Code, Detail: v.Detail}
		switch {
		case faults[i] != nil:
			s.outcomes[i].Code, s.outcomes[i].Detail = api.Malformed, faults[i].Error()
		case v.Code == "":
			s.place = append(s.place, i)
			s.batch = append(s.batch, ledger.SubmittedResult{
				Worker: v.Address, TaskID: r.TaskID, At: time.UnixMilli(r.Timestamp).UTC(), Result: r, ResultID: api.ResultID(r),
			})
		}
	}
	return s
}

// take enters what became of the batch.
func (s *submission) take(judged []ledger.JudgedResult) error {
	if len(judged) != len(s.batch) {
		return fmt.Errorf("%d of %d results were judged", len(judged), len(s.batch))
	}
	for i, j := range judged {
		o := &s.outcomes[s.place[i]]
		o.Status, o.Code, o.RewardMicros, o.ResultID, o.CreditedMicros = j.Status, j.Code, int64(j.Reward), j.ResultID, int64(j.Credited)
		earned, err := s.earned.Add(j.Reward)
		if err != nil {
			return fmt.Errorf("sum of the rewards: %w", err)
		}
		s.earned = earned
	}
	return nil
}

// answer is the protocol's answer (protocol.md).
func (s *submission) answer() api.SubmitResponse {
	a := api.SubmitResponse{Earned: s.earned.String(), Results: s.outcomes}
	for i, o := range s.outcomes {
		switch o.Status {
		case api.Accepted:
			a.Accepted++
		case api.Rejected:
			a.Errors = append(a.Errors, name(o, i)+": "+o.Code.Text())
		}
	}
	return a
}

// taskName is the task id as it is answered: one that is too long to be any is
// not sent back.
func taskName(id string) string {
	if utf8.RuneCountInString(id) > api.MaxTaskIDLen {
		return ""
	}
	return id
}

// name is how an error names its result: by its task, or, where the request
// does not say that, by its place, from 1.
func name(o api.Outcome, i int) string {
	if o.TaskID == "" {
		return fmt.Sprintf("result %d", i+1)
	}
	return o.TaskID
}
