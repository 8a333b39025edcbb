package runner

import (
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/check"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
)

// Event is something that the worker's user may want to see. Kind names it in
// JSON; the names and the fields' are never changed, only added to.
type Event interface{ Kind() string }

// Poll: the API was asked for tasks, and gave some, or none.
type Poll struct {
	Tasks int `json:"tasks"`
}

// Check: a task was carried out, and its result waits to be submitted.
type Check struct {
	TaskID         string      `json:"taskId"`
	URL            string      `json:"url"`
	Success        bool        `json:"success"`
	ResponseTimeMs int64       `json:"responseTimeMs"`
	StatusCode     int         `json:"statusCode,omitempty"`
	ExpectedStatus int         `json:"expectedStatus"`
	Class          check.Class `json:"class,omitempty"`
	Error          string      `json:"error,omitempty"`

	Timings *api.Timings `json:"timings,omitempty"`
}

// Refused: a task was not carried out, because of the worker's own rules.
// Nothing is submitted for it. It is told once for the same task, URL and
// reason. Without TaskID it stands for what was too much in an answer.
type Refused struct {
	TaskID string `json:"taskId"`
	URL    string `json:"url"`
	Reason string `json:"reason"`
	Hint   string `json:"hint,omitempty"` // what the user could do about it
}

// Withheld: checks that failed are not told, because the trouble is this
// machine's own: it is offline, its name server is away, or it slept.
type Withheld struct {
	Checks int    `json:"checks"`
	Reason string `json:"reason"`
}

// Limited: checks were not made, because the user's limits do not allow more.
type Limited struct {
	Checks int `json:"checks"`
}

// Note: something that the user should know, and perhaps see to.
type Note struct {
	About    string `json:"about"` // "clock", "kept results" or "result id"
	Text     string `json:"text"`
	OffsetMs int64  `json:"offsetMs,omitempty"` // of the clock: how far the network's is ahead
}

// Paid: a payout has been paid since the worker was started.
type Paid struct {
	Payout  int64         `json:"payout"` // its number
	Amount  client.Micros `json:"amount"`
	Checks  int64         `json:"checks"` // that it is for
	ChainID int64         `json:"chainId"`
	Tx      string        `json:"tx"`
}

// Submitted: the API judged some results.
type Submitted struct {
	Accepted  int           `json:"accepted"`
	Discarded int           `json:"discarded"`
	Rejected  int           `json:"rejected"`
	Recounted int           `json:"recounted"` // known already from an attempt whose answer was lost; Earned leaves them out
	Earned    client.Micros `json:"earned"`
	Total     client.Micros `json:"total"` // since the worker was started
	NotPaid   []NotPaid     `json:"notPaid,omitempty"`
}

// NotPaid says why a result was not paid.
type NotPaid struct {
	TaskID string     `json:"taskId,omitempty"` // empty when the API names it in Reason
	Status api.Status `json:"status"`
	Code   api.Code   `json:"code,omitempty"`
	Reason string     `json:"reason"`
}

// Problem: the API could not be talked to. Nothing is lost yet.
type Problem struct {
	Doing     string `json:"doing"` // "poll", "submit" or "clock": it is too wrong
	Error     string `json:"error"`
	RetryInMs int64  `json:"retryInMs"`
	Waiting   int    `json:"waiting"` // results that wait to be submitted
}

// Dropped: results were given up.
type Dropped struct {
	Results int    `json:"results"`
	Reason  string `json:"reason"`
}

// Stopped: the worker has ended. It is the last event.
type Stopped struct {
	Totals
	Unsent int  `json:"unsent"`         // results that could not be submitted any more
	Kept   bool `json:"kept,omitempty"` // they are kept, for a start within five minutes of them
}

// Totals are counts since the worker was started.
type Totals struct {
	Checks   int           `json:"checks"`
	Accepted int           `json:"accepted"`
	Earned   client.Micros `json:"earned"`
}

func (Poll) Kind() string      { return "poll" }
func (Check) Kind() string     { return "check" }
func (Refused) Kind() string   { return "refused" }
func (Submitted) Kind() string { return "submitted" }
func (Problem) Kind() string   { return "error" }
func (Dropped) Kind() string   { return "dropped" }
func (Stopped) Kind() string   { return "stopped" }
func (Withheld) Kind() string  { return "withheld" }
func (Limited) Kind() string   { return "limited" }
func (Note) Kind() string      { return "note" }
func (Paid) Kind() string      { return "paid" }

// RetryIn is how long until the next attempt.
func (p Problem) RetryIn() time.Duration { return time.Duration(p.RetryInMs) * time.Millisecond }

func newCheck(t api.Task, seen check.Observation) Check {
	return Check{
		TaskID: t.ID, URL: t.URL, Success: seen.Success, ResponseTimeMs: seen.ResponseTime.Milliseconds(),
		StatusCode: seen.StatusCode, ExpectedStatus: t.ExpectedStatus, Class: seen.Class, Error: seen.Error, Timings: newTimings(seen.Timings),
	}
}
