package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/BlockRunAI/worker-network/shared/api"
)

const address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"

func to(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := New(s.URL+"/api", address, "US-West", "Test/1")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestTasks(t *testing.T) {
	c := to(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "GET" || r.URL.Path != "/api/v1/worker/tasks" || r.URL.RawQuery != "address="+address+"&region=US-West" || r.UserAgent() != "Test/1" {
			t.Errorf("%s %s by %s", r.Method, r.URL, r.UserAgent())
		}
		says(200, `[{"id":"a","type":"http_check","url":"https://x.org","expectedStatus":200,"timeoutMs":10000,"rewardMicros":100,"new":{}},
			{"id":"b","type":"tcp_check","port":[1]}, null, 7, "x", {}, {"id":5}, {"id":"c","timeoutMs":"soon"}]`)(w, r)
	})
	tasks, err := c.Tasks(t.Context())
	want := []api.Task{
		{ID: "a", Type: "http_check", URL: "https://x.org", ExpectedStatus: 200, TimeoutMs: 10000, RewardMicros: 100},
		{ID: "b", Type: "tcp_check"},
	}
	if err != nil || !reflect.DeepEqual(tasks, want) {
		t.Errorf("got %+v, %v", tasks, err)
	}
	if tasks, err := to(t, says(200, "[]\n")).Tasks(t.Context()); err != nil || tasks == nil || len(tasks) != 0 {
		t.Errorf("no tasks: got %v, %v", tasks, err)
	}
}

// Each poll is proven anew, for what its query says.
func TestTasksAreProven(t *testing.T) {
	key, err := crypto.HexToECDSA("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
	if err != nil {
		t.Fatal(err)
	}
	var seen []api.PollProof
	c := to(t, func(w http.ResponseWriter, r *http.Request) {
		p, err := api.ReadPollProof(r.Header.Values)
		if err != nil || p == nil {
			t.Errorf("%v: %v", r.Header, err)
			return
		}
		if err := p.Verify(r.URL.Query().Get("address"), r.URL.Query().Get("region"), time.Now()); err != nil {
			t.Error(err)
		}
		seen = append(seen, *p)
		says(200, "[]")(w, r)
	})
	polls := 0
	c.Prove(func(address, region string, now time.Time) (api.PollProof, error) {
		polls++
		return api.SignPoll(address, region, now, fmt.Sprintf("nonce-of-the-poll-%d", polls), key)
	})
	for range 2 {
		if _, err := c.Tasks(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 2 || seen[0].Nonce == seen[1].Nonce {
		t.Errorf("%+v", seen)
	}
	broken := errors.New("no key")
	c.Prove(func(string, string, time.Time) (api.PollProof, error) { return api.PollProof{}, broken })
	if _, err := c.Tasks(t.Context()); !errors.Is(err, broken) || len(seen) != 2 {
		t.Errorf("%v, %d polls", err, len(seen))
	}
}

func TestSubmit(t *testing.T) {
	status := 503
	sent := []api.Result{{TaskID: "<a>", WorkerAddress: address, Timestamp: 5, ResponseTimeMs: 7, StatusCode: &status, Signature: "0x1"}, {TaskID: "b", Error: "Timeout after 10000ms"}}
	c := to(t, func(w http.ResponseWriter, r *http.Request) {
		var got []api.Result
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil || !reflect.DeepEqual(got, sent) {
			t.Errorf("got %+v, %v", got, err)
		}
		if r.Method != "POST" || r.URL.String() != "/api/v1/worker/results" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		says(200, `{"accepted":1,"earned":"0.000150","errors":["b: invalid signature"],"results":[{"taskId":"<a>","status":"accepted","rewardMicros":150},{"taskId":"b","status":"rejected","code":"invalid_signature","rewardMicros":0}]}`)(w, r)
	})
	got, err := c.Submit(t.Context(), sent)
	want := Receipt{Accepted: 1, Earned: 150, Errors: []string{"b: invalid signature"}, Outcomes: []api.Outcome{
		{TaskID: "<a>", Status: api.Accepted, RewardMicros: 150}, {TaskID: "b", Status: api.Rejected, Code: api.InvalidSignature}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	// An API that says more than there is to say.
	endless := strings.Repeat("x", 1000)
	got, err = to(t, says(200, `{"accepted":0,"earned":"0.000000","errors":["`+endless+`","b"`+strings.Repeat(`,"more"`, 1000)+
		`],"results":[{"status":"rejected","code":"`+endless+`"},{"status":"rejected"}]}`)).Submit(t.Context(), sent)
	if short := clip(endless); err != nil || !reflect.DeepEqual(got.Errors, []string{short, "b"}) || string(got.Outcomes[0].Code) != short {
		t.Errorf("got %+v, %v", got, err)
	}
	// An API that knows only the first version's fields.
	got, err = to(t, says(200, `{"accepted":2,"earned":"0.000200"}`)).Submit(t.Context(), sent)
	if err != nil || !reflect.DeepEqual(got, Receipt{Accepted: 2, Earned: 200}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Everything that is not a proper answer is an *Error that says what it was.
func TestBadAnswers(t *testing.T) {
	hangUp := func(w http.ResponseWriter, r *http.Request) {
		conn, _, _ := w.(http.Hijacker).Hijack()
		conn.Close()
	}
	half := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "500")
		_, _ = io.WriteString(w, `[{"id"`)
	}
	moved := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://other.org/", http.StatusPermanentRedirect)
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		status int
		text   string
	}{
		"500":            {says(500, "oh"), 500, "answered 500 Internal Server Error"},
		"500, explained": {says(500, `{"error":"database is away"}`), 500, "answered 500 Internal Server Error: database is away"},
		"400":            {says(400, `{"error":"bad address"}`), 400, "bad address"},
		"404":            {says(404, "404 page not found"), 404, "the right address (--api)?"},
		"413":            {says(413, ""), 413, "answered 413"},
		"418":            {says(418, ""), 418, "answered 418"},
		"202":            {says(202, "[]"), 202, "answered 202"},
		"moved":          {moved, 308, "to https://other.org/"},
		"garbage":        {says(200, "<html>Welcome to the café's Wi-Fi"), 0, "is not"},
		"nothing":        {says(200, ""), 0, "is not"},
		"null":           {says(200, "null"), 0, "is not"},
		"a number":       {says(200, "7"), 0, "is not"},
		"two values":     {says(200, "[] []"), 0, "is not"},
		"hangs up":       {hangUp, 0, "cannot reach the API"},
		"half an answer": {half, 0, "cannot reach the API"},
		"10 MB":          {says(200, "["+strings.Repeat(" ", 10<<20)+"]"), 0, "longer than"},
		"10 MB of error": {says(500, strings.Repeat("x", 10<<20)), 500, "answered 500"},
		"long reason":    {says(500, `{"error":"`+strings.Repeat("é", 5000)+`"}`), 500, "éé..."},
	} {
		t.Run(name, func(t *testing.T) {
			bad := to(t, c.answer)
			_, err := bad.Tasks(t.Context())
			check(t, err, c.status, c.text)
			_, err = bad.Submit(t.Context(), oneResult)
			check(t, err, c.status, c.text)
		})
	}
	for name, body := range map[string]string{
		"a list":                   `[]`,
		"no fields":                `{}`,
		"nothing earned is said":   `{"accepted":1}`,
		"nothing accepted is said": `{"earned":"0.000100"}`,
		"a number earned":          `{"accepted":1,"earned":0.0001}`,
		"words earned":             `{"accepted":1,"earned":"much"}`,
		"debt":                     `{"accepted":1,"earned":"-0.000100"}`,
		"accepted too many":        `{"accepted":2,"earned":"0.000100"}`,
		"accepted less than none":  `{"accepted":-1,"earned":"0.000100"}`,
		"outcomes of others":       `{"accepted":1,"earned":"0.000100","results":[{},{}]}`,
		"no outcome":               `{"accepted":0,"earned":"0.000000","results":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := to(t, says(200, body)).Submit(t.Context(), oneResult)
			check(t, err, 0, "is not an answer to")
		})
	}
}

var oneResult = []api.Result{{TaskID: "a"}}

func check(t *testing.T, err error, status int, text string) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Status != status || !strings.Contains(e.Text, text) || len(e.Text) > 600 {
		t.Errorf("got %v; want an Error of status %d that says %q", err, status, text)
	}
}

func TestUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c, err := New("http://"+l.Addr().String(), address, "", "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Tasks(t.Context())
	check(t, err, 0, "cannot reach the API at http://"+l.Addr().String())
	if strings.Contains(err.Error(), address) {
		t.Errorf("the URL is said twice: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := c.Tasks(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestSlowAPI(t *testing.T) {
	c := to(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	c.http.Timeout = 50 * time.Millisecond
	_, err := c.Tasks(t.Context())
	check(t, err, 0, "no answer within")
}

func TestNew(t *testing.T) {
	for _, base := range []string{"", "blockrun.ai/api", "ftp://x", "http://", "http://a:b@x", "http://x?y=1", "http://x#y", "http://x/%zz", "/api"} {
		if _, err := New(base, address, "", ""); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", base)) {
			t.Errorf("%q: %v", base, err)
		}
	}
	for _, base := range []string{"http://x/api", "http://x/api/"} {
		c, err := New(base, address, "", "")
		if err != nil || c.base.JoinPath(api.TasksPath).String() != "http://x/api/v1/worker/tasks" {
			t.Errorf("%q: %v", base, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              0,
		"7":                             7 * time.Second,
		"0":                             0,
		"-5":                            0,
		"soon":                          0,
		"1.5":                           0,
		"3600":                          time.Hour,
		"999999999":                     MaxRetryAfter,
		"9223372036854775807":           MaxRetryAfter,
		"Sun, 22 Nov 2026 07:00:30 GMT": 30 * time.Second,
		"Sun, 22 Nov 2026 06:00:00 GMT": 0,
		"Sun, 22 Nov 2099 06:00:00 GMT": MaxRetryAfter,
	} {
		if got := retryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
	c := to(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Retry-After", "9"); w.WriteHeader(429) })
	_, err := c.Tasks(t.Context())
	if e, ok := errors.AsType[*Error](err); !ok || e.RetryAfter != 9*time.Second || e.Status != 429 || e.Refused() {
		t.Errorf("got %+v", err)
	}
	if !(&Error{Status: 400}).Refused() || !(&Error{Status: 413}).Refused() || (&Error{Status: 500}).Refused() {
		t.Error("Refused is 400 and 413")
	}
}

// Amounts are decimals in JSON, as on the wire.
func TestMicros(t *testing.T) {
	if got, err := json.Marshal(Micros(300)); err != nil || string(got) != `"0.000300"` {
		t.Error(string(got), err)
	}
	if got, err := ParseMicros("0.000300"); err != nil || got != 300 {
		t.Error(got, err)
	}
}

// What the API sees is remembered, also of an answer that is an error, and not
// forgotten when an answer does not tell.
func TestSeenFrom(t *testing.T) {
	answers := []string{"93.184.215.14, 10.0.0.1, garbage", "", "2606:4700::1111"}
	c := to(t, func(w http.ResponseWriter, _ *http.Request) {
		if answers[0] != "" {
			w.Header().Set(api.SeenFromHeader, answers[0])
		}
		answers = answers[1:]
		says(503, "{}")(w, nil)
	})
	if got := c.SeenFrom(); got != nil {
		t.Errorf("%v before any answer", got)
	}
	for _, want := range []string{"[93.184.215.14]", "[93.184.215.14]", "[2606:4700::1111]"} {
		if _, err := c.Tasks(t.Context()); err == nil {
			t.Error("no error of a 503")
		}
		if got := fmt.Sprint(c.SeenFrom()); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
