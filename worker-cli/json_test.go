package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/BlockRunAI/worker-network/worker-cli/internal/runner"
)

// What others wrote plays no tricks in JSON, and is read back as it was.
func TestJSONIsPrintable(t *testing.T) {
	var every strings.Builder
	for r := rune(0); r < 0x3000; r++ {
		every.WriteRune(r)
	}
	every.WriteString("\ufeff\ufff9\U0001f99e\U000e0041\U000f0000\U0010ffff")
	for name, text := range map[string]string{
		"controls": "\x1b[2J\u009b31m\x7f\r\n\u0085", "bidi": "a\u202eb\u2066c\u2069\u200f", "lines": "\u2028\u2029",
		"plain": `é "quoted" <b> \u0041 日本`, "all": every.String(),
	} {
		var lines bytes.Buffer
		p := printer{console: console{out: &lines, json: true}, now: time.Now}
		p.event(runner.Refused{TaskID: text, URL: text, Reason: text})
		if err := printJSON(&lines, map[string]string{text: text}); err != nil {
			t.Fatal(err)
		}
		if n := strings.IndexFunc(lines.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); n >= 0 {
			t.Errorf("%s: %q at %d", name, lines.String()[n:n+4], n)
		}
		event, object, _ := strings.Cut(strings.TrimSuffix(lines.String(), "\n"), "\n")
		var refused runner.Refused
		if err := json.Unmarshal([]byte(event), &refused); err != nil || refused != (runner.Refused{TaskID: text, URL: text, Reason: text}) {
			t.Errorf("%s: event %s, %v", name, event, err)
		}
		var back map[string]string
		if err := json.Unmarshal([]byte(object), &back); err != nil || back[text] != text {
			t.Errorf("%s: object %s, %v", name, object, err)
		}
	}
}
