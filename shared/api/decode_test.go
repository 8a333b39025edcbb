package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

const good = `{"taskId":"t","workerAddress":"0xab","timestamp":1764000000000,"success":true,"responseTimeMs":12,"statusCode":200,"error":"e","signature":"0x00"}`

func goodResult() Result {
	return Result{
		TaskID: "t", WorkerAddress: "0xab", Timestamp: 1764000000000, Success: true,
		ResponseTimeMs: 12, StatusCode: new(200), Error: "e", Signature: "0x00",
	}
}

func TestDecodeBodiesThatAreNoBatch(t *testing.T) {
	many := func(n int) string { return "[" + strings.Repeat(good+",", n-1) + good + "]" }
	for name, c := range map[string]struct{ body, says string }{
		"empty body":      {"", "not JSON"},
		"white space":     {" \n", "not JSON"},
		"not JSON":        {"hello", "not JSON"},
		"cut off":         {many(2)[:200], "not JSON"},
		"more behind":     {many(1) + "]", "not JSON"},
		"byte order mark": {"\ufeff" + many(1), "not JSON"},
		"single quotes":   {"[{'taskId':1}]", "not JSON"},
		"NaN":             {`[{"timestamp":NaN}]`, "not JSON"},
		"an object":       {good, "want a JSON array"},
		"null":            {"null", "want a JSON array"},
		"a string":        {`"[]"`, "want a JSON array"},
		"a number":        {"7", "want a JSON array"},
		"0 results":       {" [ ] ", "empty"},
		"51 results":      {many(51), "more than 50"},
		"51 of anything":  {"[" + strings.Repeat("1,", 50) + "1]", "more than 50"},
		"deep nesting":    {strings.Repeat("[", 100_000), "not JSON"},
	} {
		results, faults, err := DecodeResults(strings.NewReader(c.body))
		if !errors.Is(err, ErrBatch) || !strings.Contains(err.Error(), c.says) || results != nil || faults != nil {
			t.Errorf("%s: %v, %v, %v; want ErrBatch that says %q", name, results, faults, err, c.says)
		}
	}
	results, faults, err := DecodeResults(strings.NewReader(many(50)))
	if err != nil || len(results) != 50 || len(faults) != 50 {
		t.Errorf("50 results: %d, %d, %v", len(results), len(faults), err)
	}
}

func TestDecodeReadError(t *testing.T) {
	lost := errors.New("connection lost")
	if _, _, err := DecodeResults(iotest.ErrReader(lost)); !errors.Is(err, lost) || !errors.Is(err, ErrBatch) {
		t.Errorf("%v, want an ErrBatch with the reader's error", err)
	}
}

// Each broken element stands between two good ones, which must not suffer.
func TestDecodeMalformedElementsHarmNoNeighbour(t *testing.T) {
	set := func(name, value string) string { // good with one member replaced
		var m map[string]json.RawMessage
		if err := json.Unmarshal([]byte(good), &m); err != nil {
			t.Fatal(err)
		}
		delete(m, name)
		if value != "" {
			m[name] = json.RawMessage(value)
		}
		var parts []string
		for k, v := range m {
			parts = append(parts, fmt.Sprintf("%q:%s", k, v))
		}
		return "{" + strings.Join(parts, " , ") + "}"
	}
	cases := map[string]struct{ element, says string }{
		"null element":   {"null", "JSON object"},
		"number element": {"1", "JSON object"},
		"array element":  {"[" + good + "]", "JSON object"},
		"string element": {`"}],{"`, "JSON object"},
		"empty object":   {"{}", "taskId"},
		"not UTF-8":      {set("error", "\"\xff\""), "UTF-8"},
		"wrong case":     {strings.Replace(good, "taskId", "TaskId", 1), "taskId"},
	}
	for _, f := range resultFields {
		for _, value := range []string{"", "null", `{"a":["}]"]}`, "[]", `"x"`, "1", "1.5", "1e3", "true", "99999999999999999999"} {
			isString := strings.HasPrefix(value, `"`) && f.want == "a string"
			isInt := value == "1" && f.want == "an integer"
			isBool := value == "true" && f.want == "true or false"
			isObject := value[:min(1, len(value))] == "{" && f.want == "an object of integers" // whose members may be unknown
			if isString || isInt || isBool || isObject || f.optional && (value == "" || value == "null") {
				continue
			}
			cases[f.name+" "+value] = struct{ element, says string }{set(f.name, value), f.name}
		}
	}
	if len(cases) < 60 {
		t.Fatalf("only %d cases", len(cases))
	}
	for name, c := range cases {
		results, faults, err := DecodeResults(strings.NewReader("[" + good + " ,\n" + c.element + "," + good + "]"))
		if err != nil || len(results) != 3 || len(faults) != 3 {
			t.Fatalf("%s: %d results, %v", name, len(results), err)
		}
		for _, i := range []int{0, 2} {
			if faults[i] != nil || !reflect.DeepEqual(results[i], goodResult()) {
				t.Errorf("%s: neighbour %d: %+v, %v", name, i, results[i], faults[i])
			}
		}
		if !errors.Is(faults[1], ErrField) || !strings.Contains(faults[1].Error(), c.says) {
			t.Errorf("%s: %v, want ErrField that says %q", name, faults[1], c.says)
		}
		if r := results[1]; !reflect.DeepEqual(r, Result{TaskID: r.TaskID}) || Verify(r).Code != Malformed {
			t.Errorf("%s: kept %+v, verified %+v", name, r, Verify(r))
		}
		wantName := "t"
		if strings.Contains(c.says, "taskId") || strings.Contains(c.says, "object") || strings.Contains(c.says, "UTF-8") {
			wantName = ""
		}
		if results[1].TaskID != wantName {
			t.Errorf("%s: named %q, want %q", name, results[1].TaskID, wantName)
		}
	}
}

func TestDecodeTolerates(t *testing.T) {
	for name, c := range map[string]struct {
		element string
		want    func(*Result)
	}{
		"white space":      {strings.NewReplacer(":", " :\t", ",", " ,\r\n", "{", "{ ", "}", " }").Replace(good), func(*Result) {}},
		"unknown members":  {`{"a":null,"b":{"taskId":"x","c":["}",1]},` + good[1:len(good)-1] + `,"d":"\"}"}`, func(*Result) {}},
		"null for nothing": {strings.NewReplacer("200", "null", `"e"`, "null").Replace(good), func(r *Result) { r.StatusCode, r.Error = nil, "" }},
		"left out":         {strings.NewReplacer(`"statusCode":200,`, "", `"error":"e",`, "").Replace(good), func(r *Result) { r.StatusCode, r.Error = nil, "" }},
		"last one counts":  {strings.Replace(good, `"taskId":"t"`, `"taskId":7,"taskId":"t"`, 1), func(*Result) {}},
		"case is exact":    {good[:len(good)-1] + `,"TASKID":"x","taskid":"y"}`, func(*Result) {}},
		"escaped name":     {strings.Replace(good, "taskId", `task\u0049d`, 1), func(*Result) {}},
		"escapes":          {strings.Replace(good, `"e"`, `"\"\\\/\b\f\n\r\t\u00e9\ud83e\udd9e"`, 1), func(r *Result) { r.Error = "\"\\/\b\f\n\r\té🦞" }},
		"lone surrogate":   {strings.Replace(good, `"e"`, `"a\ud83e"`, 1), func(r *Result) { r.Error = "a\uFFFD" }},
		"not escaped":      {strings.Replace(good, `"e"`, "\"<&>\u2028é\"", 1), func(r *Result) { r.Error = "<&>\u2028é" }},
		"negative":         {strings.Replace(good, "12,", "-12,", 1), func(r *Result) { r.ResponseTimeMs = -12 }},
	} {
		want := goodResult()
		c.want(&want)
		results, faults, err := DecodeResults(strings.NewReader(" [" + c.element + "]\n"))
		if err != nil || faults[0] != nil || !reflect.DeepEqual(results[0], want) {
			t.Errorf("%s: %+v, %v, %v; want %+v", name, results, faults, err, want)
		}
	}
}

// What our own encoder writes is read back as it was, for every vector.
func TestDecodeReadsWhatGoWrites(t *testing.T) {
	var sent []Result
	for _, v := range loadVectors(t) {
		sent = append(sent, v.result())
	}
	body, err := json.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := DecodeResults(strings.NewReader(string(body)))
	if err != nil || !reflect.DeepEqual(got, sent) {
		t.Errorf("%v\n got %+v\nwant %+v", err, got, sent)
	}
	for i, v := range VerifyBatch(got) {
		if v.Code != "" {
			t.Errorf("result %d: %+v", i, v)
		}
	}
}

// encoding/json is the reference: both take the same bodies, and a result that
// is taken has the values that encoding/json finds under exactly these names.
func FuzzDecodeResults(f *testing.F) {
	f.Add("[" + good + "]")
	f.Add(`[{"taskId":"a\u0000\ud800","success":null},1,[{}],"x",{"a":{"b":[]}}, -1e9 ,true]`)
	f.Add("[ ]")
	f.Fuzz(func(t *testing.T, body string) {
		results, faults, err := DecodeResults(strings.NewReader(body))
		var want []json.RawMessage
		wantErr := json.Unmarshal([]byte(body), &want)
		isBatch := wantErr == nil && len(want) >= 1 && len(want) <= MaxBatch
		if isBatch != (err == nil) {
			t.Fatalf("%q: %v; encoding/json: %d elements, %v", body, err, len(want), wantErr)
		}
		if err != nil {
			return
		}
		if len(results) != len(want) || len(faults) != len(want) {
			t.Fatalf("%q: %d results, want %d", body, len(results), len(want))
		}
		for i, raw := range want {
			var members map[string]json.RawMessage
			if json.Unmarshal(raw, &members) != nil || members == nil || !utf8.Valid(raw) {
				if faults[i] == nil {
					t.Errorf("%q: %+v from no object", raw, results[i])
				}
				continue
			}
			compareWithReference(t, members, results[i], faults[i])
		}
	})
}

func compareWithReference(t *testing.T, members map[string]json.RawMessage, got Result, fault error) {
	var want Result
	bad := false
	read := func(name string, dst any, optional bool) {
		v := members[name]
		if v == nil || string(v) == "null" {
			bad = bad || !optional
			return
		}
		bad = json.Unmarshal(v, dst) != nil || bad
	}
	read("taskId", &want.TaskID, false)
	read("workerAddress", &want.WorkerAddress, false)
	read("timestamp", &want.Timestamp, false)
	read("success", &want.Success, false)
	read("responseTimeMs", &want.ResponseTimeMs, false)
	read("statusCode", &want.StatusCode, true)
	read("error", &want.Error, true)
	read("signature", &want.Signature, false)
	if bad != (fault != nil) {
		t.Errorf("%q: %v, but the reference finds it bad: %v", members, fault, bad)
	}
	if !bad && !reflect.DeepEqual(got, want) {
		t.Errorf("%q:\n got %+v\nwant %+v", members, got, want)
	}
}
