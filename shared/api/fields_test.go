package api

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// fill sets every field of r to a value that is not its zero value.
func fill(t *testing.T, r *Result) {
	t.Helper()
	fields := reflect.ValueOf(r).Elem()
	for i := range fields.NumField() {
		setField(t, fields.Type().Field(i).Name, fields.Field(i), "filled", 7)
	}
}

func setField(t *testing.T, name string, f reflect.Value, text string, number int64) {
	t.Helper()
	switch f.Kind() {
	case reflect.Pointer:
		f.Set(reflect.New(f.Type().Elem()))
		setField(t, name, f.Elem(), text, number)
	case reflect.Struct:
		for i := range f.NumField() {
			setField(t, name+"."+f.Type().Field(i).Name, f.Field(i), text, number)
		}
	case reflect.String:
		f.SetString(text)
	case reflect.Bool:
		f.SetBool(!f.Bool())
	case reflect.Int, reflect.Int64:
		f.SetInt(number)
	default:
		t.Fatalf("Result.%s is a %s: teach this test to fill it", name, f.Kind())
	}
}

// A field that was added to Result but not to the decoder would be lost
// without a word.
func TestEveryFieldIsDecoded(t *testing.T) {
	var want Result
	fill(t, &want)
	body, err := json.Marshal([]Result{want})
	if err != nil {
		t.Fatal(err)
	}
	got, faults, err := DecodeResults(strings.NewReader(string(body)))
	if err != nil || faults[0] != nil || !reflect.DeepEqual(got[0], want) {
		t.Errorf("read %+v, %v, %v\nwant %+v", got, faults, err, want)
	}
	if n := reflect.TypeFor[Result]().NumField(); len(resultFields) != n {
		t.Errorf("the decoder knows %d fields, Result has %d", len(resultFields), n)
	}
}

// The id, and with it a payout's results hash, commits to every field.
func TestEveryFieldIsInTheID(t *testing.T) {
	var r Result
	fill(t, &r)
	for i := range reflect.TypeFor[Result]().NumField() {
		other := r
		name := reflect.TypeFor[Result]().Field(i).Name
		setField(t, name, reflect.ValueOf(&other).Elem().Field(i), "changed", 8)
		if ResultID(other) == ResultID(r) {
			t.Errorf("a result with another %s has the same id", name)
		}
	}
}
