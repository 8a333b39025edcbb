package resultlog

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// A field that was added to api.Result but not to the form would be missing
// from the log, where nobody could recompute the result's id any more.
func TestEveryFieldOfAResultIsKept(t *testing.T) {
	want := accepted(t, noon, nil)
	result := reflect.ValueOf(&want.Result).Elem()
	for i := range result.NumField() {
		f := result.Field(i)
		if f.Type() == reflect.TypeFor[*api.Timings]() {
			f.Set(reflect.ValueOf(&api.Timings{DNS: new(int64(1)), Connect: new(int64(2)), TLS: new(int64(3)), FirstByte: new(int64(4)), Total: new(int64(5))}))
			continue
		}
		if f.Kind() == reflect.Pointer {
			f.Set(reflect.New(f.Type().Elem()))
			f = f.Elem()
		}
		switch f.Kind() {
		case reflect.String:
			f.SetString("filled")
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Int, reflect.Int64:
			f.SetInt(7)
		default:
			t.Fatalf("api.Result.%s is a %s: teach this test to fill it", result.Type().Field(i).Name, f.Kind())
		}
	}
	want.ResultID = api.ResultID(want.Result)
	got, errs := readAll(bytes.NewReader(Encode(want)))
	if len(errs) > 0 || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("read %+v, %v\nwant %+v", got, errs, want)
	}
}
