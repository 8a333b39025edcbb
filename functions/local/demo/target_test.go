package demo

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestTarget(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	site := newTarget(func() time.Time { return now })
	get := func(path string) int {
		w := httptest.NewRecorder()
		site.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code
	}
	for range 24 {
		if got := get("/steady/home"); got != http.StatusOK {
			t.Errorf("steady: %d", got)
		}
		want := http.StatusOK
		if now.Sub(site.since)%period >= period-downFor {
			want = http.StatusServiceUnavailable
		}
		if got := get("/shaky/shop"); got != want {
			t.Errorf("shaky after %v: %d, want %d", now.Sub(site.since), got, want)
		}
		now = now.Add(time.Second)
	}
	slow, hung := 0, 0
	for i := int64(1); i <= 24; i++ {
		switch site.delay(i) {
		case slowBy:
			slow++
		case hang:
			hung++
		}
	}
	if slow != 4 || hung != 2 {
		t.Errorf("of 24 answers %d are slow and %d hang, want 4 and 2", slow, hung)
	}
	if get("/slow/search") != http.StatusOK || get("/nothing") != http.StatusNotFound {
		t.Error("a page does not answer as it should")
	}
}
