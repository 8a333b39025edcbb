// Package resultlog is the form in which accepted results leave the database,
// so that the books can be checked without it: JSON Lines, in part files by
// day of acceptance, each result in exactly one line of one part. It is pure.
//
// A line is one JSON object in UTF-8 that ends with "\n":
//
//	v              1, the version of this form
//	resultId       SHA-256 of the signed result, 64 lower-case hex digits (api.ResultID)
//	payoutId       the payout that collects it: "0x<worker, lower case>-<number>"; it
//	               need not have been opened yet
//	taskId         string                                            \
//	workerAddress  0x and 40 hex digits, as spelled by the worker     | the message that
//	timestamp      ms since 1970, when the check was made             | the worker signed
//	success        boolean                                           /
//	responseTimeMs integer
//	statusCode     100 to 599; left out when there was no answer
//	error          string; left out when there was none
//	errorClass     dns, connect, tls, timeout, status, protocol or body; left out by
//	               old workers, and when there was none
//	timings        {dns, connect, tls, firstByte, total}, integers in ms, each left
//	               out when there is none; all of it is left out by old workers
//	signature      0x and 130 hex digits, as the worker sent it
//	rewardMicros   credited, multiplier included; 1 = 0.000001 USDC
//	multiplierBps  of the worker's tier at that moment; 10000 = 1.0
//	cycle          the task's cycle that the result won
//	acceptedAt     ms since 1970, when it was credited; its UTC day names the file
//
// A line of another kind (Lost) stands for results of a payout that nobody has
// any more, because the database was restored to an earlier hour before they
// were in a part; it counts for no result, and its payout is known from the chain:
//
//	v              1
//	type           "lost"
//	payoutId       the payout that was paid for them
//	results        how many they were at least
//	rewardMicros   what the payout was of, beyond its results in the log
//	resultsHash    of all its results, as its receipt has it
//	reason         string
//	acceptedAt     ms since 1970, when the line was written; its UTC day names the file
//
// Fields may be added to version 1, never renamed or retyped.
package resultlog

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

const version = 1

// Line is one accepted result.
type Line struct {
	Result        api.Result // as signed
	ResultID      string
	Payout        ledger.PayoutID
	Reward        ledger.Micros
	MultiplierBps int64
	Cycle         int64
	AcceptedAt    time.Time // in whole milliseconds, UTC

	Lost *Lost // this is no result: what stands for lost ones has a Payout, a Reward and an AcceptedAt, and nothing else
}

// Day is the UTC day of acceptance, YYYY-MM-DD.
func (l Line) Day() string { return l.AcceptedAt.UTC().Format(time.DateOnly) }

// wire is a line in the order in which it is written. readLine reads it
// without it, for encoding/json is too tolerant.
type wire struct {
	V              int    `json:"v"`
	ResultID       string `json:"resultId"`
	PayoutID       string `json:"payoutId"`
	TaskID         string `json:"taskId"`
	WorkerAddress  string `json:"workerAddress"`
	Timestamp      int64  `json:"timestamp"`
	Success        bool   `json:"success"`
	ResponseTimeMs int64  `json:"responseTimeMs"`
	StatusCode     *int   `json:"statusCode,omitempty"`
	Error          string `json:"error,omitempty"`

	ErrorClass api.ErrorClass `json:"errorClass,omitempty"`
	Timings    *api.Timings   `json:"timings,omitempty"`

	Signature     string `json:"signature"`
	RewardMicros  int64  `json:"rewardMicros"`
	MultiplierBps int64  `json:"multiplierBps"`
	Cycle         int64  `json:"cycle"`
	AcceptedAt    int64  `json:"acceptedAt"`
}

// Encode writes lines in their order. What it writes is what Read reads, as
// long as the strings are UTF-8.
func Encode(lines ...Line) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // <, > and & need no escape in a file
	for _, l := range lines {
		if l.Lost != nil {
			_ = enc.Encode(lostWire{
				V: version, Type: lostType, PayoutID: l.Payout.String(), Results: l.Lost.Count, RewardMicros: int64(l.Reward),
				ResultsHash: l.Lost.ResultsHash, Reason: l.Lost.Reason, AcceptedAt: l.AcceptedAt.UnixMilli(),
			})
			continue
		}
		r := l.Result
		_ = enc.Encode(wire{ // cannot fail: plain values into memory
			V: version, ResultID: l.ResultID, PayoutID: l.Payout.String(),
			TaskID: r.TaskID, WorkerAddress: r.WorkerAddress, Timestamp: r.Timestamp, Success: r.Success,
			ResponseTimeMs: r.ResponseTimeMs, StatusCode: r.StatusCode, Error: r.Error,
			ErrorClass: r.ErrorClass, Timings: r.Timings, Signature: r.Signature,
			RewardMicros: int64(l.Reward), MultiplierBps: l.MultiplierBps, Cycle: l.Cycle, AcceptedAt: l.AcceptedAt.UnixMilli(),
		})
	}
	return b.Bytes()
}
