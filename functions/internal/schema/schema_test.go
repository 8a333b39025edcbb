package schema

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/BlockRunAI/worker-network/shared/spannerdb"
)

// checks answers each check as it says; the last answer stays.
type checks struct {
	answers []error
	asked   int
	hold    chan struct{}
}

func (c *checks) CheckSchema(context.Context) error {
	if c.hold != nil {
		<-c.hold
	}
	c.asked++
	return c.answers[min(c.asked, len(c.answers))-1]
}

func TestChecked(t *testing.T) {
	old := fmt.Errorf("%w: spanner-ddl/0008_operator.sql was not applied", spannerdb.ErrSchema)
	dark := errors.New("no connection")
	for name, c := range map[string]struct {
		answers []error
		want    []int // statuses of requests, one after another
		asked   int
		log     string // part of it
	}{
		"all there":                    {[]error{nil}, []int{200, 200, 200}, 1, ""},
		"a file is missing":            {[]error{old}, []int{200, 503, 503}, 3, "0008_operator.sql"},
		"missing, then applied":        {[]error{old, nil}, []int{200, 503, 200, 200}, 2, "function cannot start"},
		"not to be asked, then it was": {[]error{dark, dark, nil}, []int{200, 200, 200, 200}, 3, "not checked"},
		"not to be asked, then old":    {[]error{dark, old}, []int{200, 200, 503}, 3, "not checked"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log strings.Builder
				db := &checks{answers: c.answers}
				h := Checked(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), db, slog.New(slog.NewTextHandler(&log, nil)))
				for i, want := range c.want {
					rec := httptest.NewRecorder()
					h.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
					if rec.Code != want {
						t.Errorf("request %d: %d %s, want %d", i, rec.Code, rec.Body, want)
					}
					if rec.Code == 503 && (strings.Contains(rec.Body.String(), ".sql") || rec.Header().Get("Retry-After") == "") {
						t.Errorf("request %d is told %s, %v", i, rec.Body, rec.Header())
					}
					synctest.Wait()
				}
				if db.asked != c.asked || !strings.Contains(log.String(), c.log) || c.log == "" && log.Len() > 0 {
					t.Errorf("asked %d times, want %d; the log: %s", db.asked, c.asked, log.String())
				}
			})
		})
	}
}

// connection is a recorder that takes deadlines, as a server's writer does.
type connection struct{ *httptest.ResponseRecorder }

func (connection) SetReadDeadline(time.Time) error { return nil }

// What is refused is followed by no check; the next answer is.
func TestARefusalIsNotChecked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &checks{answers: []error{nil}}
		var status int
		h := Checked(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).SetReadDeadline(time.Now()); err != nil {
				t.Errorf("handlers set deadlines: %v", err)
			}
			w.WriteHeader(status)
		}), db, slog.New(slog.DiscardHandler))
		for _, c := range []struct{ status, asked int }{{400, 0}, {429, 0}, {500, 1}, {200, 1}} {
			status = c.status
			w := connection{httptest.NewRecorder()}
			h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
			synctest.Wait()
			if w.Code != c.status || db.asked != c.asked {
				t.Errorf("%d: answered %d, checked %d times, want %d", c.status, w.Code, db.asked, c.asked)
			}
		}
	})
}

// Requests do not wait for the check, and there is one at a time.
func TestNobodyWaitsForTheCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &checks{answers: []error{nil}, hold: make(chan struct{})}
		h := Checked(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), db, slog.New(slog.DiscardHandler))
		for range 5 {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		}
		synctest.Wait()
		close(db.hold)
		synctest.Wait()
		if db.asked != 1 {
			t.Errorf("checked %d times", db.asked)
		}
	})
}
