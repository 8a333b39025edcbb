package taskfile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// entry is a task as the file has it; pointers tell "absent" from zero.
type entry struct {
	ID             string
	Type           string
	URL            string
	ExpectedStatus *int64
	TimeoutMs      *int64
	RewardMicros   *int64
	Interval       string
	BuyerTier      string
	Class          string
	Region         string
	// Regions makes a task for each of them, all in one group: premium buyers
	// are promised checks from several in one window. The id of each is the
	// entry's, a colon and the region.
	Regions []string
	Paused  bool

	empty bool           // it has no fields
	line  int            // on which it begins
	lines map[string]int // of its fields
	bad   []mistake
}

// mistake is something wrong with a field, or with the entry as a whole.
type mistake struct {
	field string
	line  int
	text  string
}

// field is one that an entry may have, and how it is read: an error says what
// is wanted.
type field struct {
	name string
	read func(*entry, *yaml.Node) error
}

var fields = []field{
	{"id", func(e *entry, n *yaml.Node) error { return text(n, &e.ID) }},
	{"url", func(e *entry, n *yaml.Node) error { return text(n, &e.URL) }},
	{"type", func(e *entry, n *yaml.Node) error { return text(n, &e.Type) }},
	{"expectedStatus", func(e *entry, n *yaml.Node) error { return whole(n, &e.ExpectedStatus) }},
	{"timeoutMs", func(e *entry, n *yaml.Node) error { return whole(n, &e.TimeoutMs) }},
	{"rewardMicros", func(e *entry, n *yaml.Node) error { return whole(n, &e.RewardMicros) }},
	{"interval", func(e *entry, n *yaml.Node) error { return text(n, &e.Interval) }},
	{"buyerTier", func(e *entry, n *yaml.Node) error { return text(n, &e.BuyerTier) }},
	{"class", func(e *entry, n *yaml.Node) error { return text(n, &e.Class) }},
	{"region", func(e *entry, n *yaml.Node) error { return text(n, &e.Region) }},
	{"regions", func(e *entry, n *yaml.Node) error { return texts(n, &e.Regions) }},
	{"paused", func(e *entry, n *yaml.Node) error { return yes(n, &e.Paused) }},
}

// wrong notes a mistake: the first of each field, for the others may follow
// from it. The field of one that is about none is empty.
func (e *entry) wrong(field, format string, args ...any) {
	if field != "" && slices.ContainsFunc(e.bad, func(m mistake) bool { return m.field == field }) {
		return
	}
	e.bad = append(e.bad, mistake{field, cmp.Or(e.lines[field], e.line), fmt.Sprintf(format, args...)})
}

// errors are the mistakes of the entry that is the i-th of its list, from 0, in
// the order of the file.
func (e *entry) errors(i int) []error {
	slices.SortStableFunc(e.bad, func(a, b mistake) int { return cmp.Compare(a.line, b.line) })
	var out []error
	for _, m := range e.bad {
		out = append(out, fmt.Errorf("taskfile: line %d: task %d (%q): %s", m.line, i+1, e.ID, m.text))
	}
	return out
}

// read reads the entries of a list: what their fields hold, and what is wrong
// with them. The errors are about the file around them.
func read(text []byte) (list []*entry, bad []error) {
	var file yaml.Node
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, []error{fmt.Errorf("taskfile: %w", err)}
	}
	found := false
	if len(file.Content) > 0 && resolve(file.Content[0]).Kind == yaml.MappingNode {
		for key, value := range pairs(resolve(file.Content[0])) {
			switch {
			case key.Value != "tasks":
				bad = append(bad, fmt.Errorf("taskfile: line %d: there is no field %s; want tasks, a list, and nothing beside it", key.Line, key.Value))
			case found:
				bad = append(bad, fmt.Errorf("taskfile: line %d: tasks stands twice; make it one list", key.Line))
			case value.Kind == yaml.SequenceNode:
				found = true
				for _, n := range value.Content {
					list = append(list, readEntry(n))
				}
			}
		}
	}
	if len(list) == 0 {
		bad = append(bad, errors.New("taskfile: no tasks; want a list under the key \"tasks\""))
	}
	return list, bad
}

func readEntry(at *yaml.Node) *entry {
	e := &entry{line: at.Line, lines: map[string]int{}}
	n := resolve(at)
	if n.Kind != yaml.MappingNode {
		e.empty = true
		e.wrong("", "want fields, such as id and url")
	}
	for key, value := range pairs(n) {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == key.Value })
		switch {
		case i < 0:
			e.bad = append(e.bad, mistake{"", key.Line, fmt.Sprintf("there is no field %s; %s", key.Value, meant(key.Value))})
		case e.lines[key.Value] > 0:
			e.bad = append(e.bad, mistake{"", key.Line, fmt.Sprintf("%s stands twice; leave one out", key.Value)})
		default:
			e.lines[key.Value] = key.Line
			if err := fields[i].read(e, value); err != nil {
				e.wrong(key.Value, "%s: %v", key.Value, err)
			}
		}
	}
	return e
}
