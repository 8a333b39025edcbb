package reputation

import (
	"bytes"

	"github.com/tidwall/gjson"
)

// quick reads the lines that nearly all are: an object of moderate length
// without a backslash. A library vouches that the line is JSON; then quotes
// can only be where strings begin and end, and the wanted fields are found by
// walking from quote to quote. Whatever it does not take, Adapter.Line does.
type quick struct {
	on     bool
	names  [maxQuickName + 1][]quickName // by length
	values []quickValue                  // by slot, of the line at hand
	wallet []int                         // slots, in the adapter's order
	cost   []int
	failed []quickCondition
}

type quickName struct {
	name string
	slot int
}

type quickCondition struct {
	Condition
	slot int
}

type quickValue struct {
	text []byte // a string's content, or a scalar as it is written
	kind valueKind
}

type valueKind byte

const (
	absent valueKind = iota // or null
	quoted
	scalar
	nested
)

const (
	maxQuickName = 64
	// maxQuickLine bounds how deep a line that the library walks can be.
	maxQuickLine = 16 << 10
)

func newQuick(a Adapter) *quick {
	q := &quick{on: true}
	slots := map[string]int{}
	slot := func(name string) int {
		if i, ok := slots[name]; ok {
			return i
		}
		if len(name) > maxQuickName || !plainASCII(name) {
			q.on = false
			return 0
		}
		i := len(slots)
		slots[name] = i
		q.names[len(name)] = append(q.names[len(name)], quickName{name, i})
		return i
	}
	for _, n := range a.Wallet {
		q.wallet = append(q.wallet, slot(n))
	}
	for _, n := range a.Cost {
		q.cost = append(q.cost, slot(n))
	}
	for _, c := range a.Failed {
		q.failed = append(q.failed, quickCondition{c, slot(c.Field)})
	}
	q.values = make([]quickValue, len(slots))
	return q
}

func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// line finds the wallet and the cost of a trimmed line. With ok false it is
// Adapter.Line's to say what the line is.
func (q *quick) line(line []byte) (wallet, cost []byte, failed, ok bool) {
	if !q.on || len(line) > maxQuickLine || len(line) == 0 || line[0] != '{' ||
		bytes.IndexByte(line, '\\') >= 0 || !gjson.ValidBytes(line) || !q.walk(line) {
		return nil, nil, false, false
	}
	for _, c := range q.failed {
		v := q.values[c.slot]
		if v.kind == nested && c.Value == "*" || (v.kind == quoted || v.kind == scalar) && c.matches(string(v.text)) {
			return nil, nil, true, true
		}
	}
	w, c := q.first(q.wallet), q.first(q.cost)
	return w.text, c.text, false, w.kind == quoted && (c.kind == quoted || c.kind == scalar)
}

func (q *quick) first(slots []int) quickValue {
	for _, s := range slots {
		if v := q.values[s]; v.kind != absent {
			return v
		}
	}
	return quickValue{}
}

// walk notes the values of the wanted fields of a valid object without
// backslashes; of a name that is there twice, the last.
func (q *quick) walk(line []byte) bool {
	clear(q.values)
	depth := 0
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			n := bytes.IndexByte(line[i+1:], '"')
			if n < 0 {
				return false
			}
			name := line[i+1 : i+1+n]
			i += n + 1
			if depth != 1 {
				continue
			}
			// At this depth a string before a colon is a field's name.
			j := skipSpace(line, i+1)
			if j == len(line) || line[j] != ':' {
				continue
			}
			i = j
			if len(name) <= maxQuickName {
				for _, want := range q.names[len(name)] {
					if want.name == string(name) {
						q.values[want.slot] = valueAt(line, skipSpace(line, j+1))
					}
				}
			}
		}
	}
	return true
}

func skipSpace(line []byte, i int) int {
	for i < len(line) && (line[i] == ' ' || line[i] == '\t' || line[i] == '\r' || line[i] == '\n') {
		i++
	}
	return i
}

func valueAt(line []byte, i int) quickValue {
	if i >= len(line) {
		return quickValue{}
	}
	switch line[i] {
	case '"':
		n := bytes.IndexByte(line[i+1:], '"')
		return quickValue{line[i+1 : i+1+max(n, 0)], quoted}
	case '{', '[':
		return quickValue{nil, nested}
	case 'n':
		return quickValue{}
	}
	end := i
	for end < len(line) && line[end] != ',' && line[end] != '}' && line[end] > ' ' {
		end++
	}
	return quickValue{line[i:end], scalar}
}

// quickNano is ParseNano for the plain form: at most 18 digits, of them at
// most 9 after the point.
func quickNano(s []byte) (n NanoUSD, ok bool) {
	rest := s
	negative := len(rest) > 0 && rest[0] == '-'
	if negative {
		rest = rest[1:]
	}
	point := -1
	if len(rest) == 0 || len(rest) > 19 || rest[0] == '.' || rest[len(rest)-1] == '.' {
		return 0, false
	}
	for i, c := range rest {
		switch {
		case c >= '0' && c <= '9':
			n = n*10 + NanoUSD(c-'0')
		case c == '.' && point < 0:
			point = i
		default:
			return 0, false
		}
	}
	digits, fraction := len(rest), 0
	if point >= 0 {
		digits, fraction = len(rest)-1, len(rest)-1-point
	}
	if fraction > nanoDigits || digits-fraction > 9 {
		return 0, false
	}
	for range nanoDigits - fraction {
		n *= 10
	}
	if negative {
		n = -n
	}
	return n, true
}
