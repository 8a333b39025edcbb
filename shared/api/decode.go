package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// ErrBatch means that a body could not be read, is not JSON or is not an array
// of 1 to MaxBatch: 400.
var ErrBatch = errors.New("not a batch of results")

// DecodeResults reads the body of a submission: a JSON array of 1 to MaxBatch
// results. It returns the results and, side by side with them, what is wrong
// with each (an ErrField), or nil. One that cannot be read leaves its
// neighbours alone; of it only the task id is kept, if that could be read, so
// that it can be named, and Verify finds it malformed.
//
// Members may come in any order; unknown ones are passed over, so that fields
// can be added to the protocol. Names are compared exactly, and of a name that
// comes twice the last counts, both as in JavaScript (encoding/json also takes
// "TASKID" for "taskId", and would read another result than was signed). null
// stands for a member that is left out. Numbers are written without fraction
// or exponent. A lone surrogate (\ud800) is read as U+FFFD.
//
// A body that is no such array is an ErrBatch, as is a failure to read r, which
// is wrapped, too. The caller limits r's length.
func DecodeResults(r io.Reader) (results []Result, faults []error, err error) {
	body, err := io.ReadAll(r)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: reading the body: %w", ErrBatch, err)
	}
	if !json.Valid(body) {
		return nil, nil, fmt.Errorf("%w: not JSON: %w", ErrBatch, json.Unmarshal(body, new(json.RawMessage)))
	}
	text := skip(string(body))
	if text[0] != '[' {
		return nil, nil, fmt.Errorf("%w: want a JSON array of 1 to %d results", ErrBatch, MaxBatch)
	}
	for element := range elements(text) {
		if len(results) == MaxBatch {
			return nil, nil, fmt.Errorf("%w: more than %d results; send the rest in another request", ErrBatch, MaxBatch)
		}
		if results == nil {
			results, faults = make([]Result, 0, MaxBatch), make([]error, 0, MaxBatch)
		}
		result, fault := decodeResult(element)
		results, faults = append(results, result), append(faults, fault)
	}
	if len(results) == 0 {
		return nil, nil, fmt.Errorf("%w: the array is empty; send 1 to %d results", ErrBatch, MaxBatch)
	}
	return results, faults, nil
}

// A field reads one member's value, which is not null, into a result and
// reports whether it has the right type.
type field struct {
	name     string
	want     string
	optional bool
	read     func(*Result, string) bool
}

var resultFields = [...]field{
	{"taskId", "a string", false, func(r *Result, v string) bool { return readString(&r.TaskID, v) }},
	{"workerAddress", "a string", false, func(r *Result, v string) bool { return readString(&r.WorkerAddress, v) }},
	{"timestamp", "an integer", false, func(r *Result, v string) bool { return readInt(&r.Timestamp, v) }},
	{"success", "true or false", false, func(r *Result, v string) bool { return readBool(&r.Success, v) }},
	{"responseTimeMs", "an integer", false, func(r *Result, v string) bool { return readInt(&r.ResponseTimeMs, v) }},
	{"statusCode", "an integer", true, func(r *Result, v string) bool { return readStatus(&r.StatusCode, v) }},
	{"error", "a string", true, func(r *Result, v string) bool { return readString(&r.Error, v) }},
	{"errorClass", "a string", true, func(r *Result, v string) bool { return readString((*string)(&r.ErrorClass), v) }},
	{"timings", "an object of integers", true, func(r *Result, v string) bool { return readTimings(&r.Timings, v) }},
	{"signature", "a string", false, func(r *Result, v string) bool { return readString(&r.Signature, v) }},
}

// decodeResult reads one element of the array.
func decodeResult(element string) (Result, error) {
	if element[0] != '{' {
		return Result{}, fmt.Errorf("%w: a result must be a JSON object", ErrField)
	}
	if !utf8.ValidString(element) {
		return Result{}, fmt.Errorf("%w: not UTF-8", ErrField)
	}
	var values [len(resultFields)]string
	for name, value := range members(element) {
		for i := range resultFields {
			if resultFields[i].name == name {
				values[i] = value
				break
			}
		}
	}
	var r Result
	for i := range resultFields {
		f, v := &resultFields[i], values[i]
		missing := v == "" || v == "null"
		if missing && f.optional {
			continue
		}
		if missing || !f.read(&r, v) {
			return Result{TaskID: r.TaskID}, fmt.Errorf("%w: %s must be %s", ErrField, f.name, f.want)
		}
	}
	return r, nil
}

func readString(dst *string, v string) bool {
	s, ok := unquote(v)
	if ok {
		*dst = s
	}
	return ok
}

func readInt(dst *int64, v string) bool {
	n, err := strconv.ParseInt(v, 10, 64)
	if err == nil {
		*dst = n
	}
	return err == nil
}

func readStatus(dst **int, v string) bool {
	n, err := strconv.Atoi(v)
	if err == nil {
		*dst = &n
	}
	return err == nil
}

func readBool(dst *bool, v string) bool {
	*dst = v == "true"
	return v == "true" || v == "false"
}
