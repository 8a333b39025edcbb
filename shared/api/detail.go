package api

import (
	"fmt"
	"slices"
	"strconv"
)

var errorClasses = []ErrorClass{ClassDNS, ClassConnect, ClassTLS, ClassTimeout, ClassStatus, ClassProtocol, ClassBody}

// fits reports whether c can stand in a result, and in one of this success.
func (c ErrorClass) fits(success bool) bool {
	if c == "" || c == ClassBody {
		return true
	}
	return !success && slices.Contains(errorClasses, c)
}

// phase is one of the Timings, under its name.
type phase struct {
	name string
	ms   **int64
}

func (t *Timings) phases() [5]phase {
	return [...]phase{{"dns", &t.DNS}, {"connect", &t.Connect}, {"tls", &t.TLS}, {"firstByte", &t.FirstByte}, {"total", &t.Total}}
}

// check says which phase is out of range, as an ErrField.
func (t *Timings) check() error {
	if t == nil {
		return nil
	}
	for _, p := range t.phases() {
		if ms := *p.ms; ms != nil && (*ms < 0 || *ms > MaxTiming) {
			return fmt.Errorf("%w: timings.%s must be 0 to %d ms", ErrField, p.name, MaxTiming)
		}
	}
	return nil
}

// appendJSON appends head and t as JSON.stringify writes it, or nothing when t
// holds nothing.
func (t *Timings) appendJSON(dst []byte, head string) []byte {
	if t == nil || *t == (Timings{}) {
		return dst
	}
	dst = append(append(dst, head...), '{')
	first := true
	for _, p := range t.phases() {
		if *p.ms == nil {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(append(dst, '"'), p.name...), `":`...)
		dst = strconv.AppendInt(dst, **p.ms, 10)
	}
	return append(dst, '}')
}

// readTimings reads an object of integers. Without any known member it is none.
func readTimings(dst **Timings, v string) bool {
	if v[0] != '{' {
		return false
	}
	var t Timings
	for name, value := range members(v) {
		for _, p := range t.phases() {
			if p.name != name {
				continue
			}
			*p.ms = nil // of a name that comes twice the last counts
			var ms int64
			if value == "null" {
				continue
			}
			if !readInt(&ms, value) {
				return false
			}
			*p.ms = &ms
		}
	}
	if t != (Timings{}) {
		*dst = &t
	}
	return true
}
