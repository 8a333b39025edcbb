package reputation

import (
	"bytes"
	"encoding/binary"

	"github.com/tidwall/gjson"
)

// quick reads the lines that nearly all are: an object of moderate length,
// without backslashes and control characters. A flat one is read in one pass;
// one that nests is first checked by a library. Whatever it does not take,
// Adapter.Line does.
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
	if !q.on || len(line) > maxQuickLine || len(line) < 2 || line[0] != '{' || !plain(line) {
		return nil, nil, false, false
	}
	if !q.walkFlat(line) && (!gjson.ValidBytes(line) || !q.walkNested(line)) {
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

// plain reports a line without backslashes and control characters, eight
// bytes at a time (a byte is below n if subtracting n borrows from its top bit).
func plain(line []byte) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(line); i += 8 {
		w := binary.LittleEndian.Uint64(line[i:])
		slash := w ^ ones*'\\'
		if ((w-ones*' ')&^w|(slash-ones)&^slash)&tops != 0 {
			return false
		}
	}
	for ; i < len(line); i++ {
		if line[i] < ' ' || line[i] == '\\' {
			return false
		}
	}
	return true
}

// walkFlat notes the values of the wanted fields of an object that holds
// strings, numbers and literals only; of a name that is there twice, the last.
// It is false for whatever else, by the grammar of RFC 8259.
func (q *quick) walkFlat(line []byte) bool {
	clear(q.values)
	for i := 1; ; {
		i = skipSpace(line, i)
		if i >= len(line) || line[i] != '"' {
			return false
		}
		n := bytes.IndexByte(line[i+1:], '"')
		if n < 0 {
			return false
		}
		name := line[i+1 : i+1+n]
		i = skipSpace(line, i+n+2)
		if i >= len(line) || line[i] != ':' {
			return false
		}
		i = skipSpace(line, i+1)
		v, end := flatValue(line, i)
		if end < 0 {
			return false
		}
		q.note(name, v)
		i = skipSpace(line, end)
		if i >= len(line) || line[i] != ',' {
			return i == len(line)-1 && line[i] == '}'
		}
		i++
	}
}

// flatValue is the value at byte i and where it ends; -1 if it is neither a
// string nor a number nor a literal.
func flatValue(line []byte, i int) (quickValue, int) {
	if i >= len(line) {
		return quickValue{}, -1
	}
	switch c := line[i]; {
	case c == '"':
		n := bytes.IndexByte(line[i+1:], '"')
		if n < 0 {
			return quickValue{}, -1
		}
		return quickValue{line[i+1 : i+1+n], quoted}, i + n + 2
	case c == '-' || c >= '0' && c <= '9':
		end := numberEnd(line, i)
		return quickValue{line[i:max(end, i)], scalar}, end
	case bytes.HasPrefix(line[i:], []byte("true")):
		return quickValue{line[i : i+4], scalar}, i + 4
	case bytes.HasPrefix(line[i:], []byte("false")):
		return quickValue{line[i : i+5], scalar}, i + 5
	case bytes.HasPrefix(line[i:], []byte("null")):
		return quickValue{}, i + 4
	}
	return quickValue{}, -1
}

// numberEnd is where the number that begins at byte i ends; -1 for none (RFC
// 8259, section 6).
func numberEnd(line []byte, i int) int {
	digits := func() bool {
		begin := i
		for i < len(line) && line[i] >= '0' && line[i] <= '9' {
			i++
		}
		return i > begin
	}
	if line[i] == '-' {
		i++
	}
	if i < len(line) && line[i] == '0' {
		i++
	} else if !digits() {
		return -1
	}
	if i < len(line) && line[i] == '.' {
		if i++; !digits() {
			return -1
		}
	}
	if i < len(line) && (line[i] == 'e' || line[i] == 'E') {
		if i++; i < len(line) && (line[i] == '+' || line[i] == '-') {
			i++
		}
		if !digits() {
			return -1
		}
	}
	return i
}

// note keeps a value if its name is wanted.
func (q *quick) note(name []byte, v quickValue) {
	if len(name) > maxQuickName {
		return
	}
	for _, want := range q.names[len(name)] {
		if want.name == string(name) {
			q.values[want.slot] = v
		}
	}
}

// walkNested does the same for any object that a library has found valid:
// without backslashes, quotes can only be where strings begin and end.
func (q *quick) walkNested(line []byte) bool {
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
			q.note(name, valueAt(line, skipSpace(line, j+1)))
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
