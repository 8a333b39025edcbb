package api

import (
	"strconv"
	"unicode/utf8"
)

// Message is what a worker signs for r: the exact bytes of JavaScript's
//
//	JSON.stringify({taskId, workerAddress, timestamp, success})
//
// in UTF-8, with the address as spelled in r (protocol.md, The signed
// message). Go's own encoder cannot make them: it escapes <, >, & and
// U+2028/2029, which JavaScript leaves alone.
func Message(r Result) []byte {
	return appendMessage(make([]byte, 0, messageRoom+len(r.TaskID)), &r)
}

// messageRoom is the length of a message with an empty task id, rounded up.
const messageRoom = 128

func appendMessage(dst []byte, r *Result) []byte {
	dst = appendSignedFields(append(dst, '{'), r)
	return append(dst, '}')
}

// appendSignedFields appends the members that are signed, in their order,
// without the braces around them.
func appendSignedFields(dst []byte, r *Result) []byte {
	dst = append(dst, `"taskId":`...)
	dst = appendString(dst, r.TaskID)
	dst = append(dst, `,"workerAddress":`...)
	dst = appendString(dst, r.WorkerAddress)
	dst = append(dst, `,"timestamp":`...)
	dst = strconv.AppendInt(dst, r.Timestamp, 10)
	dst = append(dst, `,"success":`...)
	return strconv.AppendBool(dst, r.Success)
}

// appendString appends s as JSON.stringify writes a string (ECMA-262,
// QuoteJSONString): short escapes for \b \t \n \f \r " and \, \u00xx in lower
// case for the other characters below U+0020, and everything else as it is.
//
// A byte that is no part of valid UTF-8 becomes U+FFFD. JavaScript has no such
// strings, so there is nothing to agree with; the decoder refuses them. What
// JavaScript has and UTF-8 has not are lone surrogates, which JSON.stringify
// escapes; they cannot be in a Go string, and no task id holds one.
func appendString(dst []byte, s string) []byte {
	const hexDigits = "0123456789abcdef"
	dst = append(dst, '"')
	done := 0 // s[:done] is written
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[done:i]...), "\uFFFD"...)
				done = i + 1
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[done:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		done = i
	}
	return append(append(dst, s[done:]...), '"')
}
