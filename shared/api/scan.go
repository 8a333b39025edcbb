package api

import (
	"encoding/json"
	"iter"
	"strings"
)

// The functions of this file take JSON apart that json.Valid has found good:
// they rely on its syntax and do not check it again. Nothing is copied but
// strings with escapes.

// skip is s without the white space that it begins with.
func skip(s string) string {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\t' || s[0] == '\r' || s[0] == '\n') {
		s = s[1:]
	}
	return s
}

// elements are the values of an array, as they are written.
func elements(array string) iter.Seq[string] {
	return func(yield func(string) bool) {
		rest := skip(array[1:])
		for rest[0] != ']' {
			n := valueLen(rest)
			if !yield(rest[:n]) {
				return
			}
			rest = behind(rest[n:])
		}
	}
}

// members are the names and values of an object, in order; values as they are
// written.
func members(object string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		rest := skip(object[1:])
		for rest[0] != '}' {
			n := valueLen(rest)
			name, _ := unquote(rest[:n])
			value := skip(skip(rest[n:])[1:]) // behind the colon
			n = valueLen(value)
			if !yield(name, value[:n]) {
				return
			}
			rest = behind(value[n:])
		}
	}
}

// behind is what stands behind a value: the next one, or the closing bracket.
func behind(rest string) string {
	rest = skip(rest)
	if rest[0] == ',' {
		rest = skip(rest[1:])
	}
	return rest
}

// valueLen is the length of the value that s begins with.
func valueLen(s string) int {
	switch s[0] {
	case '"':
		return stringLen(s)
	case '{', '[':
		depth := 0
		for i := 0; ; i++ {
			switch s[i] {
			case '"':
				i += stringLen(s[i:]) - 1
			case '{', '[':
				depth++
			case '}', ']':
				depth--
				if depth == 0 {
					return i + 1
				}
			}
		}
	}
	if n := strings.IndexAny(s, ",]} \t\r\n"); n >= 0 {
		return n
	}
	return len(s)
}

// stringLen is the length of the string that s begins with, quotes included.
func stringLen(s string) int {
	for i := 1; ; i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// unquote is what a string, as it is written, stands for. It is false for
// other values.
func unquote(v string) (string, bool) {
	if v[0] != '"' {
		return "", false
	}
	if strings.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1], true
	}
	var s string
	err := json.Unmarshal([]byte(v), &s)
	return s, err == nil
}
