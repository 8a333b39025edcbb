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

// A function that is told to end answers what it is at, sends what it has
// traced and counted, and ends by the signal, as if nobody had listened.
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
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
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
	for _, want := range []string{"/v1/traces", `"name":"Slow"`, "/v1/metrics", string(telemetry.ChecksAssigned)} {
		if !strings.Contains(all, want) {
			t.Errorf("no %s in %s", want, all)
		}
	}
}

// serveUntilKilled has one request under way when the signal comes.
func serveUntilKilled(t *testing.T) {
	f := Deployed(func(context.Context, func(string) (string, bool)) (http.Handler, error) {
		return Endpoint{Name: "Slow", Method: http.MethodGet, Serve: func(r *http.Request) (any, error) {
			telemetry.ChecksAssigned.Add(r.Context(), 1)
			_, _ = io.WriteString(os.Stdout, "begun")
			time.Sleep(300 * time.Millisecond)
			return "done", nil
		}}, nil
	})
	w := httptest.NewRecorder()
	f(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if w.Code == http.StatusOK {
		_, _ = io.WriteString(os.Stdout, "answered 200")
	}
	time.Sleep(time.Minute) // the signal ends it
}
