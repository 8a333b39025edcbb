package api

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// What a worker may say of a failure and of the phases, and what not.
func TestDetailBounds(t *testing.T) {
	failed := `"success":false,"responseTimeMs":1,`
	for name, c := range map[string]struct{ fields, wrong string }{
		"none":                {failed, ""},
		"null":                {failed + `"errorClass":null,"timings":null,`, ""},
		"dns":                 {failed + `"errorClass":"dns",`, ""},
		"all phases":          {failed + `"errorClass":"body","timings":{"dns":0,"connect":1,"tls":2,"firstByte":3,"total":3600000},`, ""},
		"no phase":            {failed + `"timings":{},`, ""},
		"phases to come":      {failed + `"timings":{"quic":{"x":[1]},"total":null},`, ""},
		"a body that broke":   {`"success":true,"responseTimeMs":1,"errorClass":"body",`, ""},
		"unknown class":       {failed + `"errorClass":"asleep",`, "errorClass must be"},
		"another case":        {failed + `"errorClass":"DNS",`, "errorClass must be"},
		"a class of success":  {`"success":true,"responseTimeMs":1,"errorClass":"status",`, "of a success only body"},
		"a class of a number": {failed + `"errorClass":7,`, "errorClass must be a string"},
		"a list":              {failed + `"timings":[1],`, "timings must be an object of integers"},
		"a number":            {failed + `"timings":1,`, "timings must be an object of integers"},
		"a fraction":          {failed + `"timings":{"dns":1.5},`, "timings must be an object of integers"},
		"text":                {failed + `"timings":{"dns":"1"},`, "timings must be an object of integers"},
		"below 0":             {failed + `"timings":{"tls":-1},`, "timings.tls must be 0 to 3600000 ms"},
		"above an hour":       {failed + `"timings":{"firstByte":3600001},`, "timings.firstByte must be 0 to 3600000 ms"},
	} {
		r, err := decodeResult(`{"taskId":"t","workerAddress":"0xf86e5516096d5ee5a2e927ec9c014b31c50f1e0c","timestamp":5,` + c.fields + `"signature":"0x"}`)
		if err == nil {
			_, err = checkFields(&r)
		}
		switch {
		case c.wrong == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.wrong != "" && (!errors.Is(err, ErrField) || !strings.Contains(err.Error(), c.wrong)):
			t.Errorf("%s: got %v, want an ErrField that says %q", name, err, c.wrong)
		}
	}
}

// Timings that say nothing are none, and what is none is not written: the id
// of such a result is the one that it always had.
func TestNoDetailIsLeftOut(t *testing.T) {
	r, err := decodeResult(`{"taskId":"t","workerAddress":"0x","timestamp":5,"success":true,"responseTimeMs":1,"errorClass":"","timings":{"x":1},"signature":"0x"}`)
	if err != nil || r.Timings != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	text, err := json.Marshal(r)
	if err != nil || strings.Contains(string(text), "timings") || strings.Contains(string(text), "errorClass") {
		t.Errorf("%s, %v", text, err)
	}
	empty := r
	empty.Timings = &Timings{}
	if ResultID(empty) != ResultID(r) {
		t.Error("empty timings are in the id")
	}
}
