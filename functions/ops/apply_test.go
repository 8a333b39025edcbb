package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// What becomes of a change, whoever is asked and whatever fails, and what is
// said of it.
func TestApply(t *testing.T) {
	broken := errors.New("the answer was lost")
	const shown, ask, refused, again = "+ one\n", "Do it? [y/N] ", "not confirmed; nothing was changed; add --yes to do it", "the answer was lost\nperhaps it was done"
	for _, c := range []struct {
		name      string
		parts     int
		json, yes bool
		typed     string // empty: nobody is there
		fails     error
		did       bool
		out       string
		err       string // and the question
	}{
		{"yes", 1, false, true, "", nil, true, shown + "done\n", ""},
		{"y typed", 1, false, false, "y\n", nil, true, shown + "done\n", ask},
		{"n typed", 1, false, false, "n\n", nil, false, shown, ask + "not confirmed; nothing was changed"},
		{"nobody is there", 1, false, false, "", nil, false, shown, refused},
		{"JSON without a yes", 1, true, false, "y\n", nil, false, "{\n  \"applied\": false\n}\n", refused},
		{"JSON", 1, true, true, "", nil, true, "{\n  \"applied\": true\n}\n", ""},
		{"nothing to ask about", 0, false, false, "", nil, true, shown + "done\n", ""},
		{"it fails", 1, false, true, "", broken, true, shown, again},
		{"it fails, in JSON", 1, true, true, "", broken, true, "{\n  \"applied\": false\n}\n", again},
	} {
		var out, asked bytes.Buffer
		con := console{in: strings.NewReader(c.typed), out: &out, err: &asked, terminal: c.typed != "", json: c.json, yes: c.yes}
		did := false
		err := con.apply(change{
			parts: c.parts, show: func() { con.printf("+ one\n") }, question: "Do it?",
			do:    func() error { did = true; return c.fails },
			again: "perhaps it was done", done: "done",
			json: func(applied bool) any { return map[string]bool{"applied": applied} },
		})
		said := asked.String()
		if err != nil {
			said += err.Error()
		}
		if did != c.did || out.String() != c.out || said != c.err || c.fails != nil && !errors.Is(err, c.fails) {
			t.Errorf("%s: did it %v\n%q, want\n%q\n%q, want\n%q", c.name, did, out.String(), c.out, said, c.err)
		}
	}
}
