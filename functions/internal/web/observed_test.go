package web

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/telemetry"
)

// asProcess makes this test program a function's process.
const asProcess = "WEB_TEST_SERVES"

// What a request has traced and counted is sent beside it. A function that is
// told to end answers what it is at, sends what came together since, which is
// not due yet, and ends by the signal, as if nobody had listened.
func TestTheLastMomentsAreSent(t *testing.T) {
	if os.Getenv(asProcess) != "" {
		serveUntilKilled(t)
		return
	}
	sent := make(chan string, 10)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent <- r.URL.Path + " " + string(body)
	}))
	defer collector.Close()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTheLastMomentsAreSent$")
	cmd.Env = append(os.Environ(), asProcess+"=1", "K_SERVICE=f", "TRACE_SAMPLE_RATIO=1", "OTEL_EXPORTER_OTLP_ENDPOINT="+collector.URL)
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	next, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var early string
	for !strings.Contains(early, `"name":"Early"`) || !strings.Contains(early, string(telemetry.ChecksJudged)) {
		select {
		case text := <-sent:
			early += text
		case <-time.After(20 * time.Second):
			t.Fatalf("not sent beside the first request, only %q", early)
		}
	}
	_ = next.Close()
	begun := make([]byte, len("begun"))
	if _, err := io.ReadFull(said, begun); err != nil || string(begun) != "begun" {
		t.Fatalf("%q, %v", begun, err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(said)
	err = cmd.Wait()
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("ended with %v", err)
	}
	if !strings.Contains(string(rest), "answered 200") {
		t.Errorf("the request that ran was not answered: %s", rest)
	}
	var all string
	for len(sent) > 0 {
		all += <-sent
	}
	if strings.Contains(early, `"name":"Slow"`) || strings.Contains(early, string(telemetry.ChecksAssigned)) {
		t.Errorf("sent too early: %s", early)
	}
	for _, want := range []string{"/v1/traces", `"name":"Slow"`, "/v1/metrics", string(telemetry.ChecksAssigned)} {
		if !strings.Contains(all, want) {
			t.Errorf("no %s in %s", want, all)
		}
	}
}

// serveUntilKilled answers one request, and, once it is told to, has another
// under way when the signal comes.
func serveUntilKilled(t *testing.T) {
	f := Deployed(func(context.Context, func(string) (string, bool)) (http.Handler, error) {
		mux := http.NewServeMux()
		mux.Handle("/early", Endpoint{Name: "Early", Method: http.MethodGet, Serve: func(r *http.Request) (any, error) {
			telemetry.ChecksJudged.Add(r.Context(), 1)
			return "done", nil
		}})
		mux.Handle("/slow", Endpoint{Name: "Slow", Method: http.MethodGet, Serve: func(r *http.Request) (any, error) {
			telemetry.ChecksAssigned.Add(r.Context(), 1)
			_, _ = io.WriteString(os.Stdout, "begun")
			time.Sleep(300 * time.Millisecond)
			return "done", nil
		}})
		return mux, nil
	})
	f(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/early", nil))
	_, _ = io.ReadAll(os.Stdin)
	w := httptest.NewRecorder()
	f(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/slow", nil))
	if w.Code == http.StatusOK {
		_, _ = io.WriteString(os.Stdout, "answered 200")
	}
	time.Sleep(time.Minute) // the signal ends it
}
