package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BlockRunAI/worker-network/shared/api"
)

// Keeper keeps signed results where a restart does not lose them.
type Keeper interface {
	// Save replaces what was kept.
	Save(results []Kept) error
	// Load is what was kept; nothing when there is nothing.
	Load() ([]Kept, error)
}

// Kept is a result that waits to be submitted.
type Kept struct {
	api.Result
	Tried bool `json:"tried,omitempty"` // in an attempt whose outcome is unknown
}

// maxKeptFile bounds what is read of a file; maxWaiting results have a third of it.
const maxKeptFile = 4 << 20

// unfinished begins the names of files that are being written.
const unfinished = ".kept-"

// File is a Keeper: one file, of one wallet and one API, for whoever has the
// wallet's lock. It is written anew as a whole, under another name that then
// becomes its own, so that a process that dies leaves the old one or the new
// one. It is not forced to the disk: results are worth five minutes, and a power
// cut may cost as much.
type File struct {
	Path    string
	Address string // whose results it holds
}

type keptFile struct {
	Version int    `json:"version"`
	Results []Kept `json:"results"`
}

// Save implements Keeper. Without results there is no file.
func (f File) Save(results []Kept) error {
	if len(results) == 0 {
		if err := os.Remove(f.Path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("clear the kept results: %w", err)
		}
		return nil
	}
	text, err := json.Marshal(keptFile{1, results})
	if err != nil {
		return fmt.Errorf("encode the kept results: %w", err)
	}
	next, err := os.CreateTemp(filepath.Dir(f.Path), unfinished+"*") // mode 600
	if err != nil {
		return fmt.Errorf("keep results: %w", err)
	}
	_, err = next.Write(text)
	if err = errors.Join(err, next.Close()); err == nil {
		err = os.Rename(next.Name(), f.Path)
	}
	if err != nil {
		os.Remove(next.Name())
		return fmt.Errorf("keep results: %w", err)
	}
	return nil
}

// Load implements Keeper. What is not a result that this wallet signed is left
// out, whoever wrote it; a file that cannot be read is an error and holds none.
// What a worker that died was writing is cleared away: nobody else writes here.
func (f File) Load() ([]Kept, error) {
	f.clear()
	in, err := os.Open(f.Path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the kept results: %w", err)
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxKeptFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the kept results: %w", err)
	}
	var file keptFile
	if len(text) > maxKeptFile || json.Unmarshal(text, &file) != nil || file.Version != 1 {
		return nil, fmt.Errorf("%s holds no kept results; it will be written anew", f.Path)
	}
	file.Results = slices.DeleteFunc(file.Results, func(k Kept) bool {
		return !strings.EqualFold(k.WorkerAddress, f.Address) || api.Verify(k.Result).Code != ""
	})
	return file.Results[max(0, len(file.Results)-maxWaiting):], nil
}

// clear removes files that were never finished. One that cannot be removed does
// no harm.
func (f File) clear() {
	dir := filepath.Dir(f.Path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasPrefix(e.Name(), unfinished) {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// restore takes up what an earlier worker had to leave.
func (r *Runner) restore() {
	if r.Keep == nil {
		return
	}
	kept, err := r.Keep.Load()
	if err != nil {
		r.Emit(Note{About: "kept results", Text: err.Error()})
	}
	for _, k := range kept {
		r.outbox.waiting = append(r.outbox.waiting, waiting{k.Result, k.Tried})
	}
	if n := len(kept); n > 0 {
		r.outbox.saved = true
		r.Emit(Note{About: "kept results", Text: fmt.Sprintf("%d of an earlier run wait to be submitted", n)})
	}
}

// keep writes down what waits, if that has changed. That it could not is told
// once: the worker goes on without.
func (r *Runner) keep() {
	o := &r.outbox
	if r.Keep == nil || !o.changed || len(o.waiting) == 0 && !o.saved {
		return
	}
	list := make([]Kept, len(o.waiting))
	for i, w := range o.waiting {
		list[i] = Kept{w.Result, w.tried}
	}
	if err := r.Keep.Save(list); err != nil {
		if !r.cannotKeep {
			r.cannotKeep = true
			r.Emit(Note{About: "kept results", Text: err.Error() + "; a restart loses what waits"})
		}
		return
	}
	r.cannotKeep, o.changed, o.saved = false, false, len(list) > 0
}
