package sweep

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/storage"
)

func content(t *testing.T, client *storage.Client, name string) string {
	t.Helper()
	r, err := client.Bucket("results").Object(name).NewReader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestCreate(t *testing.T) {
	_, client := cloudStorage(t)
	b := NewBucket(client, "results")
	large := strings.Repeat("0123456789abcde\n", 5<<20/16) // more than a part
	for name, text := range map[string]string{"results/a": "one\n", "results/large": large, "results/empty": ""} {
		for range 2 {
			if err := b.Create(t.Context(), name, []byte(text)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := content(t, client, name); got != text {
			t.Errorf("%s holds %d bytes, want %d", name, len(got), len(text))
		}
	}
	for _, other := range []string{"two\n", "one", ""} {
		err := b.Create(t.Context(), "results/a", []byte(other))
		if !errors.Is(err, ErrDiffers) || !strings.Contains(err.Error(), "gs://results/results/a has 4 bytes") {
			t.Errorf("%q over another: %v", other, err)
		}
	}
	if got := content(t, client, "results/a"); got != "one\n" {
		t.Errorf("overwritten with %q", got)
	}
	if err := NewBucket(client, "no-such-bucket").Create(t.Context(), "x", []byte("y")); err == nil || errors.Is(err, ErrDiffers) || !strings.Contains(err.Error(), "gs://no-such-bucket/x") {
		t.Errorf("into no bucket: %v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Create(over, "results/late", []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("without time: %v", err)
	}
}

// The answer to an upload is lost, or the upload itself. The client asks
// again, and finds its own file.
func TestCreateOverABadConnection(t *testing.T) {
	server, client := cloudStorage(t)
	for _, c := range []struct {
		name   string
		arrive bool
	}{{"lost on the way", false}, {"done, and the answer lost", true}} {
		t.Run(c.name, func(t *testing.T) {
			proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: server.Addr})
			var uploads atomic.Int32
			front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost || uploads.Add(1) > 1 {
					proxy.ServeHTTP(w, r)
					return
				}
				if c.arrive {
					proxy.ServeHTTP(httptest.NewRecorder(), r)
				}
				http.Error(w, "try again", http.StatusServiceUnavailable)
			}))
			defer front.Close()
			t.Setenv("STORAGE_EMULATOR_HOST", front.Listener.Addr().String())
			far, err := storage.NewClient(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer far.Close()
			if err := NewBucket(far, "results").Create(t.Context(), c.name, []byte("one\n")); err != nil {
				t.Error(err)
			}
			if got := content(t, client, c.name); got != "one\n" || uploads.Load() != 2 {
				t.Errorf("%q after %d uploads; want 2", got, uploads.Load())
			}
		})
	}
}

// A bucket that is not to be had is given up when the time is over.
func TestCreateGivesUp(t *testing.T) {
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "down for maintenance", http.StatusServiceUnavailable)
	}))
	defer front.Close()
	t.Setenv("STORAGE_EMULATOR_HOST", front.Listener.Addr().String())
	client, err := storage.NewClient(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err = NewBucket(client, "results").Create(ctx, "x", []byte("y"))
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "gs://results/x") {
		t.Errorf("error %v", err)
	}
}
