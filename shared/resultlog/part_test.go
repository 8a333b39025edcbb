package resultlog

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
)

func midnight(t testing.TB, after time.Duration) Line {
	t.Helper()
	l := accepted(t, time.Date(2026, 10, 21, 0, 0, 0, 0, time.UTC).Add(after), nil)
	l.AcceptedAt = time.UnixMilli(l.Result.Timestamp).UTC()
	return l
}

func TestPartsAreByDayAndInOneOrder(t *testing.T) {
	late, early := midnight(t, -time.Millisecond), midnight(t, 0)
	entries := []Entry{
		NewEntry([]Line{early}),
		NewEntry([]Line{late, accepted(t, late.AcceptedAt, func(r *api.Result) { r.TaskID = "task_2" })}),
		NewEntry([]Line{midnight(t, time.Hour)}),
	}
	parts := Parts(entries)
	if len(parts) != 2 || parts[0].Day != "2026-10-20" || parts[0].Results != 2 || parts[1].Day != "2026-10-21" || parts[1].Results != 2 {
		t.Fatalf("parts %+v", parts)
	}
	if !bytes.Equal(parts[0].Content, entries[1].Lines) {
		t.Errorf("the first day's part is %s", parts[0].Content)
	}
	slices.Reverse(entries)
	if again := Parts(entries); !reflect.DeepEqual(again, parts) {
		t.Errorf("in another order %+v, want %+v", again, parts)
	}
	if Parts(nil) != nil {
		t.Error("a part of nothing")
	}
	for _, p := range parts {
		day, id, err := ParseName(p.Name())
		if err != nil || day != p.Day || id != p.ID {
			t.Errorf("%s is read as %s, %s, %v", p.Name(), day, id, err)
		}
	}
}

func TestParseName(t *testing.T) {
	id := strings.Repeat("0a", 32)
	for _, name := range []string{
		"", "results/2026-10-20/part-.jsonl", "results/2026-10-20/part-" + id, "results/2026-02-30/part-" + id + ".jsonl",
		"x/results/2026-10-20/part-" + id + ".jsonl", "results/2026-10-20/part-" + strings.ToUpper(id) + ".jsonl",
		"results/2026-10-20/part-" + id + ".jsonl\n",
	} {
		if _, _, err := ParseName(name); !errors.Is(err, ErrPart) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestReadPart(t *testing.T) {
	good := Parts([]Entry{NewEntry([]Line{midnight(t, 0), midnight(t, time.Second)})})[0]
	mixed := NewPart("2026-10-20", 2, Encode(midnight(t, -time.Second), midnight(t, 0)))
	gone := errors.New("connection gone")
	for _, c := range []struct {
		name  string
		part  string
		in    io.Reader
		lines int
		want  []error
	}{
		{"good", good.Name(), bytes.NewReader(good.Content), 2, nil},
		{"another name", "results/part", bytes.NewReader(good.Content), 0, []error{ErrPart}},
		{"one line less", good.Name(), bytes.NewReader(good.Content[:bytes.IndexByte(good.Content, '\n')+1]), 1, []error{ErrPart}},
		{"nothing", good.Name(), bytes.NewReader(nil), 0, []error{ErrPart}},
		{"a byte changed", good.Name(), bytes.NewReader(bytes.Replace(good.Content, []byte(`"cycle":7`), []byte(`"cycle":8`), 1)), 2, []error{ErrPart}},
		{"a line broken", good.Name(), bytes.NewReader(bytes.Replace(good.Content, []byte(`"cycle":7`), []byte(`"cycle": `), 1)), 1, []error{ErrLine, ErrPart}},
		{"a line of another day", mixed.Name(), bytes.NewReader(mixed.Content), 1, []error{ErrPart}},
		{"not to be had", good.Name(), iotest.ErrReader(gone), 0, []error{gone}},
	} {
		lines := 0
		var errs []error
		for _, err := range ReadPart(c.part, c.in) {
			if err != nil {
				errs = append(errs, err)
			} else {
				lines++
			}
		}
		ok := slices.EqualFunc(errs, c.want, func(got, want error) bool { return errors.Is(got, want) && strings.Contains(got.Error(), c.part) })
		if lines != c.lines || !ok {
			t.Errorf("%s: %d lines, errors %v; want %d, %v", c.name, lines, errs, c.lines, c.want)
		}
	}
	for range ReadPart(good.Name(), bytes.NewReader(good.Content)) {
		break // a caller may stop, and no half digest is complained of
	}
}
