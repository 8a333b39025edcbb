package resultlog

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"sync"
	"time"
)

// ErrPart means that a part is not what its name says.
var ErrPart = errors.New("the part is not what its name says")

// Entry is what one submission adds to the log: the results of it that were
// accepted, in lines that are never changed again.
type Entry struct {
	ID         string    // of its first result, so that it is unique, and random as a key
	AcceptedAt time.Time // of all its results
	Results    int64
	Lines      []byte
}

func (e Entry) day() string { return e.AcceptedAt.UTC().Format(time.DateOnly) }

// NewEntry is the entry of lines, of which there is at least one, all accepted
// at the same moment.
func NewEntry(lines []Line) Entry {
	return Entry{ID: lines[0].ResultID, AcceptedAt: lines[0].AcceptedAt, Results: int64(len(lines)), Lines: Encode(lines...)}
}

// Part is one file of the log. Its name follows from its content, so that
// whoever writes it again writes the same, and whoever reads it can tell.
type Part struct {
	ID      string // SHA-256 of Content, in lower-case hex
	Day     string // YYYY-MM-DD, of all its lines
	Results int64
	Content []byte
}

// NewPart is the part with that content.
func NewPart(day string, results int64, content []byte) Part {
	sum := sha256.Sum256(content)
	return Part{ID: hex.EncodeToString(sum[:]), Day: day, Results: results, Content: content}
}

// Parts puts entries together: one part for each day, the earliest first.
func Parts(entries []Entry) []Part {
	sorted := slices.SortedFunc(slices.Values(entries), func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.day(), b.day()), cmp.Compare(a.ID, b.ID))
	})
	var out []Part
	for len(sorted) > 0 {
		day := sorted[0].day()
		var content bytes.Buffer
		var results int64
		for len(sorted) > 0 && sorted[0].day() == day {
			content.Write(sorted[0].Lines)
			results += sorted[0].Results
			sorted = sorted[1:]
		}
		out = append(out, NewPart(day, results, content.Bytes()))
	}
	return out
}

// Prefix is what the names of all parts begin with.
const Prefix = "results/"

// Name is the part's object: "results/YYYY-MM-DD/part-<SHA-256 of the content>.jsonl".
func (p Part) Name() string { return Prefix + p.Day + "/part-" + p.ID + ".jsonl" }

var partName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^results/(\d{4}-\d{2}-\d{2})/part-([0-9a-f]{64})\.jsonl$`)
})

// ParseName is the day and id of a part's name. Other names are ErrPart.
func ParseName(name string) (day, id string, err error) {
	m := partName().FindStringSubmatch(name)
	if m != nil {
		_, err = time.Parse(time.DateOnly, m[1])
	}
	if m == nil || err != nil {
		return "", "", fmt.Errorf("%q: %w: want results/YYYY-MM-DD/part-<64 hex digits>.jsonl", name, ErrPart)
	}
	return m[1], m[2], nil
}

// ReadPart is Read of the object called name. It also yields an ErrPart for
// each line of another day, and, last, when the content's SHA-256 is not the
// one of the name: then nothing that was yielded is worth anything.
func ReadPart(name string, r io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		day, id, err := ParseName(name)
		if err != nil {
			yield(Line{}, err)
			return
		}
		sum := sha256.New()
		in := &watched{Reader: io.TeeReader(r, sum)}
		for line, err := range Read(in) {
			if err == nil && line.Day() != day {
				line, err = Line{}, fmt.Errorf("result %s was accepted on %s: %w", line.ResultID, line.Day(), ErrPart)
			}
			if err != nil {
				err = fmt.Errorf("%s: %w", name, err)
			}
			if !yield(line, err) {
				return
			}
		}
		if got := hex.EncodeToString(sum.Sum(nil)); in.ended && got != id {
			yield(Line{}, fmt.Errorf("%s: %w: the content's SHA-256 is %s", name, ErrPart, got))
		}
	}
}

// watched knows whether its reader was read to its end.
type watched struct {
	io.Reader
	ended bool
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.ended = w.ended || errors.Is(err, io.EOF)
	return n, err
}
