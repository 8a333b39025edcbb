package view

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/runner"
)

func clientMicros(n int64) client.Micros { return client.Micros(n) }

// screen is a terminal's output so far.
type screen struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

func (s *screen) await(t *testing.T, text string) {
	t.Helper()
	for start := time.Now(); time.Since(start) < 10*time.Second; time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		found := strings.Contains(s.out.String(), text)
		s.mu.Unlock()
		if found {
			return
		}
	}
	t.Fatalf("%q was never drawn; %q was", text, s.out.String())
}

// The first q stops the worker, and the view stays until that is done; the
// second does not wait.
func TestKeys(t *testing.T) {
	for _, key := range []string{"q", "\x03"} {
		keys, typed := io.Pipe()
		var out screen
		stopped := make(chan struct{})
		l := NewLive(Worker{Address: "0xabc", Started: time.Now()}, Terminal{In: keys, Out: &out, Stop: func() { close(stopped) }})
		ended := make(chan error, 1)
		go func() { ended <- l.Run() }()
		l.Event(runner.Check{TaskID: "task_seen", Success: true, StatusCode: 200})
		out.await(t, "task_seen")
		_, _ = typed.Write([]byte("x" + key))
		<-stopped
		out.await(t, "once more to stop at once")
		select {
		case err := <-ended:
			t.Fatalf("%q ended the view: %v", key, err)
		default:
		}
		_, _ = typed.Write([]byte(key))
		if err := <-ended; !errors.Is(err, ErrAtOnce) {
			t.Errorf("%q twice: %v", key, err)
		}
		l.Event(runner.Poll{}) // hangs nobody
		typed.Close()
	}
}

func TestClose(t *testing.T) {
	keys, typed := io.Pipe()
	defer typed.Close()
	var out screen
	l := NewLive(Worker{}, Terminal{In: keys, Out: &out, Stop: func() { t.Error("nobody asked to stop") }})
	ended := make(chan error, 1)
	go func() { ended <- l.Run() }()
	out.await(t, "BlockRun worker")
	l.Books(books())
	out.await(t, "silver")
	l.Stopping()
	out.await(t, "stopping")
	l.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	out.await(t, "\x1b[?1049l") // the terminal is as it was
}

// The books are asked for at the start and when there may be news.
func TestFollow(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	news, asked := make(chan struct{}, 1), make(chan struct{}, 10)
	done := make(chan struct{})
	go func() {
		defer close(done)
		Follow(ctx, news, time.Millisecond, func(context.Context) { asked <- struct{}{} })
	}()
	<-asked
	select {
	case <-asked:
		t.Fatal("asked without news")
	case <-time.After(30 * time.Millisecond):
	}
	news <- struct{}{}
	<-asked
	cancel()
	<-done
}
