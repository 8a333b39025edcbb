package runner

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/check"
)

// Bounds of what the API may send. Its answers are taken for hostile: what is
// in a task is kept, printed and sent back.
const (
	maxURL  = 2048 // bytes
	maxTold = 1000 // refusals that are remembered
)

var taskID = regexp.MustCompile(fmt.Sprintf(`^[A-Za-z0-9._:-]{1,%d}$`, api.MaxTaskIDLen))

// distinct leaves out what is in the list twice.
func distinct(tasks []api.Task) []api.Task {
	seen := map[string]bool{}
	var list []api.Task
	for _, t := range tasks {
		if !seen[t.ID] {
			seen[t.ID] = true
			list = append(list, t)
		}
	}
	return list
}

// admit leaves out what is too much, and tasks that are out of bounds. The
// checker refuses others, for what they ask: their type, timeout, status or
// target.
func (r *Runner) admit(tasks []api.Task) []api.Task {
	if len(tasks) > maxTasks {
		r.refuse(Refused{Reason: fmt.Sprintf("more than %d tasks in one answer; the others are left out", maxTasks)})
		tasks = tasks[:maxTasks]
	}
	var list []api.Task
	for _, t := range tasks {
		switch {
		case !taskID.MatchString(t.ID):
			r.refuse(Refused{TaskID: cut(t.ID, api.MaxTaskIDLen), URL: cut(t.URL, maxURL),
				Reason: fmt.Sprintf("the task's id is not 1 to %d letters, digits and . _ : -", api.MaxTaskIDLen)})
		case len(t.URL) > maxURL:
			r.refuse(Refused{TaskID: t.ID, URL: cut(t.URL, maxURL), Reason: fmt.Sprintf("the URL is longer than %d characters", maxURL)})
		default:
			list = append(list, t)
		}
	}
	return list
}

// refuse tells of a refusal, unless it has been told.
func (r *Runner) refuse(e Refused) {
	if r.told[e] {
		return
	}
	if r.told == nil || len(r.told) >= maxTold {
		r.told = map[Refused]bool{}
	}
	r.told[e] = true
	r.Emit(e)
}

// newResult is what was seen, within what the protocol takes: a result with a
// field out of range would be rejected as malformed, whatever it says.
func newResult(t api.Task, seen check.Observation, offset time.Duration) api.Result {
	result := api.Result{
		TaskID: t.ID, Timestamp: seen.At.Add(offset).UnixMilli(), Success: seen.Success,
		ResponseTimeMs: min(max(seen.ResponseTime.Milliseconds(), 0), api.MaxResponseTime),
		Error:          cut(seen.Error, api.MaxErrorLen),
		ErrorClass:     seen.Class, Timings: newTimings(seen.Timings),
	}
	switch {
	case seen.StatusCode >= 100 && seen.StatusCode <= 599:
		result.StatusCode = &seen.StatusCode
	case seen.StatusCode != 0 && result.Error == "":
		result.Error = fmt.Sprintf("Unknown HTTP status %d", seen.StatusCode)
	}
	return result
}

// newTimings are the phases in whole milliseconds; nil when none was measured.
func newTimings(t check.Timings) *api.Timings {
	if t == (check.Timings{}) {
		return nil
	}
	ms := func(d time.Duration) *int64 {
		if d == 0 {
			return nil
		}
		return new(min(max(d.Milliseconds(), 0), api.MaxTiming))
	}
	return &api.Timings{DNS: ms(t.DNS), Connect: ms(t.Connect), TLS: ms(t.TLS), FirstByte: ms(t.FirstByte), Total: ms(t.Total)}
}

// cut is the first bytes of s, at most that many, as valid UTF-8.
func cut(s string, most int) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= most {
		return s
	}
	for !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
