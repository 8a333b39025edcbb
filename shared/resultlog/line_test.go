package resultlog

import (
	"crypto/ecdsa"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

var noon = time.Date(2026, 10, 20, 12, 0, 0, 5e6, time.UTC)

func key(t testing.TB, i byte) *ecdsa.PrivateKey {
	t.Helper()
	k, err := crypto.ToECDSA(append(make([]byte, 31), i))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// accepted is the line of a result that was made at that time and accepted
// two seconds later. change, which may be nil, is made before it is signed.
func accepted(t testing.TB, at time.Time, change func(*api.Result)) Line {
	t.Helper()
	k, status := key(t, 1), 200
	worker := crypto.PubkeyToAddress(k.PublicKey)
	r := api.Result{TaskID: "task_1", WorkerAddress: worker.Hex(), Timestamp: at.UnixMilli(), Success: true, ResponseTimeMs: 42, StatusCode: &status}
	if change != nil {
		change(&r)
	}
	if err := api.Sign(&r, k); err != nil {
		t.Fatal(err)
	}
	return Line{
		Result: r, ResultID: api.ResultID(r), Payout: ledger.PayoutID{Worker: worker, Seq: 3},
		Reward: 120, MultiplierBps: 12_000, Cycle: 7, AcceptedAt: at.Add(2 * time.Second),
	}
}

// readAll is what Read yields.
func readAll(r io.Reader) (lines []Line, errs []error) {
	for l, err := range Read(r) {
		if err != nil {
			errs = append(errs, err)
		} else {
			lines = append(lines, l)
		}
	}
	return lines, errs
}

// The form is written down in the package's comment; other programs rely on it.
func TestForm(t *testing.T) {
	l := accepted(t, noon, nil)
	want := `{"v":1,"resultId":"` + l.ResultID + `","payoutId":"0x7e5f4552091a69125d5dfcb7b8c2659029395bdf-3","taskId":"task_1",` +
		`"workerAddress":"0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf","timestamp":1792497600005,"success":true,"responseTimeMs":42,` +
		`"statusCode":200,"signature":"` + l.Result.Signature + `","rewardMicros":120,"multiplierBps":12000,"cycle":7,"acceptedAt":1792497602005}` + "\n"
	if got := string(Encode(l)); got != want {
		t.Errorf("written\n%s\nwant\n%s", got, want)
	}
	failed := accepted(t, noon, func(r *api.Result) {
		r.Success, r.StatusCode, r.Error = false, nil, "Timeout <&> after 10000ms"
	})
	if got := string(Encode(failed)); strings.Contains(got, "statusCode") || !strings.Contains(got, `"error":"Timeout <&> after 10000ms"`) {
		t.Errorf("written %s", got)
	}
}

// Whatever a worker may send comes back as it was, and proves itself.
func TestRoundTrip(t *testing.T) {
	status := 599
	var want []Line
	for _, change := range []func(*api.Result){
		nil,
		func(r *api.Result) { r.TaskID = "\"<\\>& \u2028\u2029\u0000\u007f\n\uFFFD😀" },
		func(r *api.Result) { r.Error = strings.Repeat("\u0001", api.MaxErrorLen) },
		func(r *api.Result) { r.TaskID = strings.Repeat("😀", api.MaxTaskIDLen) },
		func(r *api.Result) { r.WorkerAddress = strings.ToLower(r.WorkerAddress) },
		func(r *api.Result) { r.WorkerAddress = "0x" + strings.ToUpper(r.WorkerAddress[2:]) },
		func(r *api.Result) { r.StatusCode, r.ResponseTimeMs = &status, api.MaxResponseTime },
		func(r *api.Result) { r.StatusCode, r.Success, r.Error = nil, false, " " },
		func(r *api.Result) {
			r.Success, r.ErrorClass, r.Timings = false, api.ClassTimeout, &api.Timings{DNS: new(int64), Total: new(int64(api.MaxTiming))}
		},
		func(r *api.Result) { r.ErrorClass = api.ClassBody },
	} {
		want = append(want, accepted(t, noon, change))
	}
	text := Encode(want...)
	for _, r := range []io.Reader{strings.NewReader(string(text)), iotest.OneByteReader(strings.NewReader(string(text)))} {
		got, errs := readAll(r)
		if len(errs) > 0 || !reflect.DeepEqual(got, want) {
			t.Fatalf("errors %v, read\n%+v\nwant\n%+v", errs, got, want)
		}
		for _, l := range got {
			if err := Verify(l); err != nil {
				t.Error(err)
			}
		}
	}
	for line := range strings.Lines(string(text)) {
		if len(line) > MaxLineBytes/7 {
			t.Errorf("a line of %d bytes; the reader's bound is said to be seven times the longest", len(line))
		}
	}
}

func TestReadIsStrict(t *testing.T) {
	good := strings.TrimSuffix(string(Encode(accepted(t, noon, nil))), "\n")
	swap := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%s lacks %s", good, old)
		}
		return strings.Replace(good, old, new, 1)
	}
	for _, c := range []struct{ name, line, want string }{
		{"an unknown field", swap(`{`, `{"region":"eu",`), ""},
		{"unknown fields of any shape", swap(`}`, `,"probe":{"v":[1,{"taskId":2}]},"x":null}`), ""},
		{"another order, and space", swap(`{"v":1,`, "{ \t") + " ", "v must be 1"},
		{"space", swap(`"v":1,`, ` "v" : 1 , `) + " \r", ""},
		{"nothing", "", "want a JSON object"},
		{"an array", "[" + good + "]", "want a JSON object"},
		{"null", "null", "want a JSON object"},
		{"two objects", good + good, "more than one"},
		{"an object and more", good + " x", "more than one"},
		{"half an object", good[:len(good)/2], "EOF"},
		{"no end", good[:len(good)-1], "EOF"},
		{"another version", swap(`"v":1`, `"v":2`), "v must be 1"},
		{"a version that is text", swap(`"v":1`, `"v":"1"`), "v must be 1"},
		{"a name in another case", swap(`"taskId"`, `"TaskId"`), "taskId must be a string"},
		{"a name twice", swap(`"cycle":7`, `"cycle":7,"cycle":7`), "cycle is there twice"},
		{"an escaped name twice", swap(`"cycle":7`, `"cycle":7,"c\u0079cle":8`), "cycle is there twice"},
		{"null instead", swap(`"taskId":"task_1"`, `"taskId":null`), "taskId must be"},
		{"null for what may be left out", swap(`"statusCode":200`, `"statusCode":null`), "statusCode must be"},
		{"timings of unknown phases", swap(`"signature"`, `"timings":{"later":"x"},"signature"`), ""},
		{"timings twice", swap(`"signature"`, `"timings":{"dns":1,"dns":1},"signature"`), "timings must be"},
		{"timings null", swap(`"signature"`, `"timings":null,"signature"`), "timings must be"},
		{"a phase null", swap(`"signature"`, `"timings":{"dns":null},"signature"`), "timings must be"},
		{"a class of a number", swap(`"signature"`, `"errorClass":1,"signature"`), "errorClass must be"},
		{"a number as text", swap(`"rewardMicros":120`, `"rewardMicros":"120"`), "rewardMicros must be"},
		{"a fraction", swap(`"rewardMicros":120`, `"rewardMicros":120.0`), "rewardMicros must be"},
		{"an exponent", swap(`"timestamp":1792497600005`, `"timestamp":1e12`), "timestamp must be"},
		{"too large a number", swap(`"cycle":7`, `"cycle":9223372036854775808`), "cycle must be"},
		{"a negative reward", swap(`"rewardMicros":120`, `"rewardMicros":-1`), "rewardMicros must be"},
		{"a negative multiplier", swap(`"multiplierBps":12000`, `"multiplierBps":-1`), "multiplierBps must be"},
		{"a negative cycle", swap(`"cycle":7`, `"cycle":-7`), "cycle must be"},
		{"success as a number", swap(`"success":true`, `"success":1`), "success must be"},
		{"an id in upper case", swap(`"resultId":"`, `"resultId":"A`), "resultId must be"},
		{"a payout without a number", swap(`bdf-3"`, `bdf"`), "payoutId must be"},
		{"a payout number of its own spelling", swap(`bdf-3"`, `bdf-03"`), "payoutId must be"},
		{"accepted before all days", swap(`"acceptedAt":1792497602005`, `"acceptedAt":0`), "acceptedAt must be"},
		{"accepted after all days", swap(`"acceptedAt":1792497602005`, `"acceptedAt":253402300800000`), "acceptedAt must be"},
		{"not UTF-8", swap(`task_1`, "task_\xff"), "not UTF-8"},
		{"too long", swap(`{`, `{"x":"`+strings.Repeat("x", MaxLineBytes)+`",`), "longer than 65536 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines, errs := readAll(strings.NewReader(good + "\n" + c.line + "\n" + good + "\n"))
			if c.want == "" {
				if len(errs) > 0 || len(lines) != 3 || !reflect.DeepEqual(lines[0], lines[1]) {
					t.Errorf("%d lines, errors %v; want three equal ones", len(lines), errs)
				}
				return
			}
			if len(lines) != 2 || len(errs) != 1 || !errors.Is(errs[0], ErrLine) || !strings.HasPrefix(errs[0].Error(), "line 2: ") || !strings.Contains(errs[0].Error(), c.want) {
				t.Errorf("%d lines, errors %v; want the two good ones, and of line 2 %q", len(lines), errs, c.want)
			}
		})
	}
	for _, name := range []string{"v", "resultId", "payoutId", "taskId", "workerAddress", "timestamp", "success", "responseTimeMs", "signature", "rewardMicros", "multiplierBps", "cycle", "acceptedAt"} {
		lines, errs := readAll(strings.NewReader(swap(`"`+name+`"`, `"other"`) + "\n"))
		if len(lines) != 0 || len(errs) != 1 || !strings.Contains(errs[0].Error(), name+" must be") {
			t.Errorf("without %s: %d lines, errors %v", name, len(lines), errs)
		}
	}
}

func TestReadSeesABrokenFile(t *testing.T) {
	good := string(Encode(accepted(t, noon, nil)))
	gone := errors.New("connection gone")
	for _, c := range []struct {
		name  string
		in    io.Reader
		lines int
		want  error
	}{
		{"cut off", strings.NewReader(good + good[:len(good)-1]), 1, ErrLine},
		{"cut off in a line that is too long", strings.NewReader(good + strings.Repeat("x", 2*MaxLineBytes)), 1, ErrLine},
		{"connection gone", io.MultiReader(strings.NewReader(good+good[:50]), iotest.ErrReader(gone)), 1, gone},
		{"connection gone in a line that is too long", io.MultiReader(strings.NewReader(good+strings.Repeat("x", 2*MaxLineBytes)), iotest.ErrReader(gone)), 1, gone},
		{"connection gone between lines", io.MultiReader(strings.NewReader(good), iotest.ErrReader(gone)), 1, gone},
		{"nothing", strings.NewReader(""), 0, nil},
	} {
		lines, errs := readAll(c.in)
		if len(lines) != c.lines || (c.want == nil) != (len(errs) == 0) || c.want != nil && !errors.Is(errs[len(errs)-1], c.want) {
			t.Errorf("%s: %d lines, errors %v; want %d and %v", c.name, len(lines), errs, c.lines, c.want)
		}
	}
	for range Read(strings.NewReader(good + "x\n" + good)) {
		break // a caller may stop at any line
	}
}

// FuzzRead: what is read is written again as the same line, and each line of
// the file is yielded once, good or broken.
func FuzzRead(f *testing.F) {
	good := string(Encode(accepted(f, noon, nil)))
	f.Add([]byte(good))
	f.Add([]byte(good + "{}\n" + good[:99]))
	f.Add([]byte(strings.Replace(good, `{`, `{"a":[{"v":1}],`, 1)))
	f.Add([]byte(strings.ReplaceAll(good, `task_1`, `\ud83d\ude00\ud800`)))
	f.Add([]byte("\n\n\xff\n{\"v\":1,\"v\":1}\n" + strings.Repeat("y", MaxLineBytes+2)))
	f.Fuzz(func(t *testing.T, text []byte) {
		lines, errs := readAll(strings.NewReader(string(text)))
		count := 0
		for range strings.Lines(string(text)) {
			count++
		}
		if len(lines)+len(errs) != count {
			t.Errorf("%d lines and %d errors of %d lines", len(lines), len(errs), count)
		}
		for _, err := range errs {
			if !errors.Is(err, ErrLine) {
				t.Errorf("error %v", err)
			}
		}
		again, errs := readAll(strings.NewReader(string(Encode(lines...))))
		if len(errs) > 0 || !reflect.DeepEqual(again, lines) {
			t.Errorf("errors %v, read\n%+v\nand again\n%+v", errs, lines, again)
		}
	})
}
