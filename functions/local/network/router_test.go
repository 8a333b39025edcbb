package network

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestRouter(t *testing.T) {
	functions := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s?%s %q", r.Method, r.URL.Path, r.URL.RawQuery, body)
	}))
	defer functions.Close()
	target, err := url.Parse(functions.URL)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(newRouter(target, slog.New(slog.DiscardHandler)))
	defer front.Close()
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/api/v1/worker/tasks?address=0xAb&region=US-West", "", http.StatusTeapot, `GET /GetTasks?address=0xAb&region=US-West ""`},
		{"POST", "/api/v1/worker/results", "[1]", http.StatusTeapot, `POST /SubmitResults? "[1]"`},
		{"GET", "/api/v1/worker/status?address=0xAb", "", http.StatusTeapot, `GET /WorkerStatus?address=0xAb ""`},
		{"POST", "/api/v1/worker/link", "{}", http.StatusTeapot, `POST /LinkWallet? "{}"`},
		{"DELETE", "/api/v1/worker/results", "", http.StatusTeapot, `DELETE /SubmitResults? ""`},
		// What has no public path in production has none here.
		{"POST", "/ProcessPayout", "{}", http.StatusNotFound, `{"error":"no such path`},
		{"POST", "/api/ProcessPayout", "{}", http.StatusNotFound, `{"error":"no such path`},
		{"GET", "/GetTasks", "", http.StatusNotFound, `{"error":"no such path`},
		{"GET", "/api/v1/worker/tasks/x", "", http.StatusNotFound, `{"error":"no such path`},
		{"GET", "/", "", http.StatusNotFound, `{"error":"no such path`},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, front.URL+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != c.status || !strings.HasPrefix(string(body), c.want) {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, res.StatusCode, body, c.status, c.want)
		}
	}
	functions.Close()
	res, err := http.Get(front.URL + "/api/v1/worker/tasks")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusBadGateway || !strings.HasPrefix(string(body), `{"error":"`) {
		t.Errorf("without the functions: %d %s", res.StatusCode, body)
	}
}
