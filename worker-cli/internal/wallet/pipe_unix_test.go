//go:build unix

package wallet

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A pipe would make the worker wait for ever.
func TestPipe(t *testing.T) {
	_, file := home(t)
	must(t, os.MkdirAll(filepath.Dir(file), 0o700))
	must(t, syscall.Mkfifo(file, 0o600))
	found := make(chan error, 1)
	go func() {
		_, err := Find("", env(key))
		found <- err
	}()
	select {
	case err := <-found:
		if !errors.Is(err, ErrBad) {
			t.Errorf("got %v, want ErrBad", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("still reading")
	}
}
