package auditor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/audit"
)

// resume is the trail of the state file, or a new one. hash is that of the
// last block that it has read.
func (s Scan) resume(ctx context.Context, to uint64) (*audit.Trail, common.Hash, error) {
	if s.State == "" {
		return audit.New(s.Scope), common.Hash{}, nil
	}
	text, err := os.ReadFile(s.State)
	if errors.Is(err, fs.ErrNotExist) {
		return audit.New(s.Scope), common.Hash{}, nil
	}
	if err != nil {
		return nil, common.Hash{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	trail, hash, err := audit.Resume(s.Scope, s.From, text)
	if err != nil {
		return nil, common.Hash{}, fmt.Errorf("%w: %s: %w", ErrState, s.State, err)
	}
	read := trail.Next() - 1
	if read > to {
		return nil, common.Hash{}, fmt.Errorf("%w: %s has read up to block %d, and the last block asked for, or safe, is %d", ErrState, s.State, read, to)
	}
	err = s.patiently(ctx, func() error {
		head, err := s.Node.HeadAt(ctx, read)
		if err == nil && head.Hash != hash {
			err = fmt.Errorf("%w: block %d is %s, and was %s when %s was written: it is of another chain", ErrState, read, head.Hash, hash, s.State)
		}
		return err
	})
	return trail, hash, err
}

// save keeps the trail. The file is always whole: it is written beside, and
// takes the place of the one before at once.
func (w *walk) save() error {
	if w.State == "" || !w.unsaved {
		return nil
	}
	began := time.Now()
	text, err := w.trail.State(w.hash)
	if err != nil {
		return err
	}
	if err := replace(w.State, text); err != nil {
		return fmt.Errorf("keep the state of the audit: %w", err)
	}
	w.unsaved, w.saved = false, time.Now()
	w.took = w.saved.Sub(began)
	return nil
}

// replace writes a file, all of it or nothing, also when the machine goes down.
func replace(name string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
