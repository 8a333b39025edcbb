package main

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

const printed = `{"event":"start","time":"2026-11-22T12:00:00Z","address":"0xAbC","wallet":"wallet.key","api":"http://127.0.0.1:8080/api","region":"US-West","intervalMs":30000}
{"event":"poll","time":"2026-11-22T12:00:01Z","tasks":1}
{"event":"check","time":"2026-11-22T12:00:02Z","taskId":"task_<a>","url":"https://x.org","success":true,"responseTimeMs":8,"statusCode":200,"expectedStatus":200}
{"event":"submitted","time":"2026-11-22T12:00:03Z","accepted":1,"earned":"0.000100","total":"0.000100"}
{"event":"later","time":"2026-11-22T12:00:04Z"}
{"address":"0xAbC","chainId":84532,"time":"2026-11-22T12:00:04Z","tier":"gold","multiplier":"1.5","pending":{"micros":5000},"threshold":{"micros":10000}}
`

// The picture is well-formed, and shows what was printed.
func TestDraw(t *testing.T) {
	var out bytes.Buffer
	if err := draw(strings.NewReader(printed), &out); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"0xAbC", "task_&lt;a&gt;", "gold", "$0.000100", "██████████░"} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("%q is not in\n%s", text, out.String())
		}
	}
	for d := xml.NewDecoder(&out); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for _, in := range []string{"", "x\n", `{"event":"poll"}` + "\n", printed + `{"event":"submitted","earned":"much","total":"0"}` + "\n"} {
		if err := draw(strings.NewReader(in), io.Discard); err == nil {
			t.Errorf("no error for %q", in)
		}
	}
}
