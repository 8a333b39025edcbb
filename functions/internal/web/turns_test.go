package web

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(2, 3*time.Second)
		first, err := turns.Take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := turns.Take(t.Context()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := turns.Take(t.Context()); !errors.Is(err, ErrUnavailable) || time.Since(began) != 3*time.Second {
			t.Errorf("a third of two: %v after %v", err, time.Since(began))
		}
		gone, hangUp := context.WithCancel(t.Context())
		hangUp()
		if _, err := turns.Take(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("who hung up: %v", err)
		}
		time.AfterFunc(time.Second, first)
		began = time.Now()
		if _, err := turns.Take(t.Context()); err != nil || time.Since(began) != time.Second {
			t.Errorf("when one has left: %v after %v", err, time.Since(began))
		}
	})
}
