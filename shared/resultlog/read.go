package resultlog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// ErrLine means that a line is not of the form that this package documents,
// or that a file does not end where a line does.
var ErrLine = errors.New("not a line of the result log")

// MaxLineBytes bounds what a reader keeps in memory. Lines as they are written
// now have at most a seventh of it.
const MaxLineBytes = 64 << 10

// Read yields the lines of r in their order. A line that cannot be read is
// yielded as an ErrLine with its number, from 1, and reading goes on behind
// it; an error of r itself is yielded last.
//
// Unknown fields are passed over. Everything else is strict: each field is
// there once, exactly so named and of its type, and the file ends with "\n".
// Whether a result is true is for Verify.
func Read(r io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		in := bufio.NewReaderSize(r, MaxLineBytes)
		for number := 1; ; number++ {
			text, err := in.ReadSlice('\n')
			if errors.Is(err, io.EOF) && len(text) == 0 {
				return
			}
			var line Line
			var broken error
			switch {
			case err == nil:
				line, broken = readLine(text)
			case errors.Is(err, bufio.ErrBufferFull):
				broken = fmt.Errorf("%w: longer than %d bytes", ErrLine, MaxLineBytes)
				err = skipLine(in)
			case errors.Is(err, io.EOF):
				broken = fmt.Errorf("%w: the file ends in it", ErrLine)
			}
			if broken != nil {
				line, broken = Line{}, fmt.Errorf("line %d: %w", number, broken)
			}
			if (broken != nil || err == nil) && !yield(line, broken) {
				return
			}
			if err != nil {
				if !errors.Is(err, io.EOF) {
					yield(Line{}, fmt.Errorf("read line %d: %w", number, err))
				}
				return
			}
		}
	}
}

// skipLine reads to the end of the line that is under way.
func skipLine(in *bufio.Reader) error {
	for {
		_, err := in.ReadSlice('\n')
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// A field reads one value into a line and reports whether it has the right
// type and range.
type field struct {
	name     string
	want     string
	optional bool
	read     func(*Line, json.RawMessage) bool
}

var fields = []field{
	{"v", "1", false, func(_ *Line, v json.RawMessage) bool { return string(v) == "1" }},
	{"resultId", "64 lower-case hex digits", false, func(l *Line, v json.RawMessage) bool {
		return to(&l.ResultID, v) && digest().MatchString(l.ResultID)
	}},
	{"payoutId", "a payout's id", false, func(l *Line, v json.RawMessage) bool {
		var text string
		if !to(&text, v) {
			return false
		}
		var err error
		l.Payout, err = ledger.ParsePayoutID(text)
		return err == nil
	}},
	{"taskId", "a string", false, func(l *Line, v json.RawMessage) bool { return to(&l.Result.TaskID, v) }},
	{"workerAddress", "a string", false, func(l *Line, v json.RawMessage) bool { return to(&l.Result.WorkerAddress, v) }},
	{"timestamp", "an integer", false, func(l *Line, v json.RawMessage) bool { return to(&l.Result.Timestamp, v) }},
	{"success", "true or false", false, func(l *Line, v json.RawMessage) bool { return to(&l.Result.Success, v) }},
	{"responseTimeMs", "an integer", false, func(l *Line, v json.RawMessage) bool { return to(&l.Result.ResponseTimeMs, v) }},
	{"statusCode", "an integer", true, func(l *Line, v json.RawMessage) bool {
		l.Result.StatusCode = new(int)
		return to(l.Result.StatusCode, v)
	}},
	{"error", "a string", true, func(l *Line, v json.RawMessage) bool { return to(&l.Result.Error, v) }},
	{"errorClass", "a string", true, func(l *Line, v json.RawMessage) bool { return to(&l.Result.ErrorClass, v) }},
	{"timings", "an object of integers", true, readTimings},
	{"signature", "a string", false, func(l *Line, v json.RawMessage) bool { return to(&l.Result.Signature, v) }},
	{"rewardMicros", "an integer, not negative", false, func(l *Line, v json.RawMessage) bool { return to(&l.Reward, v) && l.Reward >= 0 }},
	{"multiplierBps", "an integer, not negative", false, func(l *Line, v json.RawMessage) bool {
		return to(&l.MultiplierBps, v) && l.MultiplierBps >= 0
	}},
	{"cycle", "an integer, not negative", false, func(l *Line, v json.RawMessage) bool { return to(&l.Cycle, v) && l.Cycle >= 0 }},
	{"acceptedAt", "in milliseconds since 1970", false, func(l *Line, v json.RawMessage) bool {
		var ms int64
		ok := to(&ms, v) && ms > 0 && ms < endOfDays
		l.AcceptedAt = time.UnixMilli(ms).UTC()
		return ok
	}},
}

// readTimings is as strict as the lines: each phase at most once, exactly so
// named, an integer.
func readTimings(l *Line, v json.RawMessage) bool {
	var t api.Timings
	phases := map[string]**int64{"dns": &t.DNS, "connect": &t.Connect, "tls": &t.TLS, "firstByte": &t.FirstByte, "total": &t.Total}
	dec := json.NewDecoder(bytes.NewReader(v))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return false
	}
	for dec.More() {
		token, err := dec.Token()
		name, _ := token.(string)
		var value json.RawMessage
		if err != nil || dec.Decode(&value) != nil {
			return false
		}
		ms, known := phases[name]
		if known && (*ms != nil || !to(ms, value)) {
			return false
		}
	}
	if t != (api.Timings{}) {
		l.Result.Timings = &t
	}
	return true
}

var digest = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{64}$`) })

// endOfDays is the year 10000, in ms since 1970: later days have no name of
// the form YYYY-MM-DD.
const endOfDays = 253_402_300_800_000

// to reads a value of exactly dst's type. null is none of any.
func to(dst any, v json.RawMessage) bool {
	return string(v) != "null" && json.Unmarshal(v, dst) == nil
}

func readLine(text []byte) (Line, error) {
	if !utf8.Valid(text) {
		return Line{}, fmt.Errorf("%w: not UTF-8", ErrLine)
	}
	var l Line
	wanted := fields
	if isLost(text) {
		l.Lost, wanted = &Lost{}, lostFields()
	}
	values, err := members(text, wanted)
	if err != nil {
		return Line{}, err
	}
	for i, f := range wanted {
		missing := values[i] == nil
		if missing && f.optional {
			continue
		}
		if missing || !f.read(&l, values[i]) {
			return Line{}, fmt.Errorf("%w: %s must be %s", ErrLine, f.name, f.want)
		}
	}
	return l, nil
}

// members are the values of the wanted fields, side by side with them; nil
// where there is none. encoding/json alone would take "TASKID" for "taskId",
// and the last of two.
func members(text []byte, wanted []field) ([]json.RawMessage, error) {
	values := make([]json.RawMessage, len(wanted))
	dec := json.NewDecoder(bytes.NewReader(text))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, fmt.Errorf("%w: want a JSON object", ErrLine)
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrLine, err)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrLine, err)
		}
		i := slices.IndexFunc(wanted, func(f field) bool { return f.name == name })
		if i < 0 {
			continue
		}
		if values[i] != nil {
			return nil, fmt.Errorf("%w: %s is there twice", ErrLine, name)
		}
		values[i] = value
	}
	if _, err := dec.Token(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLine, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: more than one JSON object", ErrLine)
	}
	return values, nil
}
