// Package api is the worker protocol (protocol.md): the JSON that workers and
// functions exchange, the message that a worker signs, signing and verifying.
// The worker needs nothing else of this project.
package api

import "time"

// Task is one check as GetTasks hands it out. What is handed out is assigned
// to the address that asked.
type Task struct {
	ID             string `json:"id"`
	Type           string `json:"type"` // "http_check"
	URL            string `json:"url"`
	ExpectedStatus int    `json:"expectedStatus"`
	TimeoutMs      int64  `json:"timeoutMs"`
	RewardMicros   int64  `json:"rewardMicros"` // before the tier's multiplier; 1 = 0.000001 USDC
	Region         string `json:"region,omitempty"`
}

// HTTPCheck is the only task type so far.
const HTTPCheck = "http_check"

// Result is what a worker saw and signed.
type Result struct {
	TaskID         string `json:"taskId"`
	WorkerAddress  string `json:"workerAddress"` // as spelled by the worker: the spelling is signed
	Timestamp      int64  `json:"timestamp"`     // ms since 1970, when the check was made
	Success        bool   `json:"success"`
	ResponseTimeMs int64  `json:"responseTimeMs"`
	StatusCode     *int   `json:"statusCode,omitempty"`
	Error          string `json:"error,omitempty"`

	// ErrorClass and Timings came later than the other fields, and old workers do not send them.
	ErrorClass ErrorClass `json:"errorClass,omitempty"`
	Timings    *Timings   `json:"timings,omitempty"`

	Signature string `json:"signature"` // 0x + 130 hex
}

// ErrorClass is the kind of a failure: the phase in which a check ended.
type ErrorClass string

// The classes of failures. A success has none, save ClassBody: whether a check
// is a success is decided by its status alone, and then its body broke off.
const (
	ClassDNS      ErrorClass = "dns"
	ClassConnect  ErrorClass = "connect"
	ClassTLS      ErrorClass = "tls"
	ClassTimeout  ErrorClass = "timeout"  // of the whole check; Timings say in which phase
	ClassStatus   ErrorClass = "status"   // an answer, but not with the expected status
	ClassProtocol ErrorClass = "protocol" // not HTTP, or redirects to nowhere or without end
	ClassBody     ErrorClass = "body"     // the body broke off
)

// Timings are the phases of a check in milliseconds, each summed up over all
// redirects. One that was not reached, or not needed, is left out; one in
// which the check ended counts until then.
type Timings struct {
	DNS       *int64 `json:"dns,omitempty"`
	Connect   *int64 `json:"connect,omitempty"`
	TLS       *int64 `json:"tls,omitempty"`
	FirstByte *int64 `json:"firstByte,omitempty"` // from the request's end to the answer's first byte
	Total     *int64 `json:"total,omitempty"`     // until the body was read, as far as it is read
}

// SubmitResponse answers POST /v1/worker/results with status 200.
type SubmitResponse struct {
	Accepted int       `json:"accepted"`
	Earned   string    `json:"earned"`           // credited now, USD with six decimals, multiplier included
	Errors   []string  `json:"errors,omitempty"` // "task_x: invalid signature", rejected results only
	Results  []Outcome `json:"results"`          // one per submitted result, in the same order
}

// Status is what became of one result.
type Status string

// The outcomes of a result.
const (
	Accepted  Status = "accepted"  // stored and credited
	Discarded Status = "discarded" // well-formed, but somebody else won the cycle; not paid, not an error
	Rejected  Status = "rejected"  // Code says why
)

// Outcome is the judgement of one result.
type Outcome struct {
	TaskID       string `json:"taskId"`
	Status       Status `json:"status"`
	Code         Code   `json:"code,omitempty"`
	Detail       string `json:"detail,omitempty"` // what exactly is wrong, in words, where there is more to say than Code.Text
	RewardMicros int64  `json:"rewardMicros"`
	ResultID     string `json:"resultId,omitempty"` // of a result that is accepted, or was before
	// CreditedMicros is what this very result was credited with before: the answer
	// that said so may have been lost.
	CreditedMicros int64 `json:"creditedMicros,omitempty"`
}

// Code is a stable, machine-readable reason. Codes are never renamed.
type Code string

// The reasons for which a result is rejected, and CycleWon, for which it is discarded.
const (
	Malformed        Code = "malformed"
	UnknownTask      Code = "unknown_task"
	InvalidSignature Code = "invalid_signature"
	Stale            Code = "stale"             // older than MaxAge
	Future           Code = "future"            // more than MaxAhead in the future
	NotAssigned      Code = "not_assigned"      // this worker does not hold the task
	AlreadySubmitted Code = "already_submitted" // same task, worker and timestamp
	CycleWon         Code = "cycle_won"
)

var codeTexts = map[Code]string{
	Malformed:        "malformed field",
	UnknownTask:      "unknown task",
	InvalidSignature: "invalid signature",
	Stale:            "older than 5 minutes",
	Future:           "more than 30 s in the future; check the clock",
	NotAssigned:      "not assigned to this worker",
	AlreadySubmitted: "already submitted",
	CycleWon:         "another worker was first in this cycle",
}

// Text says the reason in words.
func (c Code) Text() string {
	if t, ok := codeTexts[c]; ok {
		return t
	}
	return string(c)
}

// ErrorBody is the body of every 4xx and 5xx answer.
type ErrorBody struct {
	Error string `json:"error"`
	Code  Code   `json:"code,omitempty"` // of a refused proof or link: ProofClock, LinkClock and others

	MinimumVersion string `json:"minimumVersion,omitempty"` // of worker-cli, with status 426
}

// Limits of the protocol (protocol.md).
const (
	MaxBatch     = 50              // results in one submission
	MaxBodyBytes = 256 << 10       // larger submissions get 413
	MaxAge       = 5 * time.Minute // of a result's timestamp
	MaxAhead     = 30 * time.Second
)

// The paths, below the base (".../api"); StatusPath and LinkPath are the others.
const (
	TasksPath   = "/v1/worker/tasks"
	ResultsPath = "/v1/worker/results"
)
