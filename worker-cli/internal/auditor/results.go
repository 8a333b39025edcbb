package auditor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/BlockRunAI/worker-network/shared/audit"
	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

// ErrSource means that a place of the result log cannot be used as it was
// given; the error says what to give instead.
var ErrSource = errors.New("no result log")

// Log reads the result log from directories, files and buckets.
type Log struct {
	Sources []string
	Told    func(done, all int) // how many parts are read
}

// part is one file of the log, and how to read it.
type part struct {
	name string // results/YYYY-MM-DD/part-<SHA-256>.jsonl
	open func(ctx context.Context) (io.ReadCloser, error)
}

// Read reads and verifies all parts. Several are under way at once, for
// signatures take time, and they are counted in the order of their names, so
// that the same log gives the same report.
func (l Log) Read(ctx context.Context) (*audit.Results, error) {
	parts, err := l.parts(ctx)
	if err != nil {
		return nil, err
	}
	out := audit.NewResults()
	width := runtime.GOMAXPROCS(0)
	for done := 0; done < len(parts); done += width {
		some := parts[done:min(done+width, len(parts))]
		reads := make([]audit.PartRead, len(some))
		group, ctx := errgroup.WithContext(ctx)
		for i, p := range some {
			group.Go(func() (err error) {
				reads[i], err = p.read(ctx)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
		for _, r := range reads {
			out.Add(r)
		}
		if l.Told != nil {
			l.Told(done+len(some), len(parts))
		}
	}
	return out, nil
}

func (p part) read(ctx context.Context) (audit.PartRead, error) {
	if err := ctx.Err(); err != nil {
		return audit.PartRead{}, err
	}
	r, err := p.open(ctx)
	if err != nil {
		return audit.PartRead{}, err
	}
	defer r.Close()
	return audit.ReadPart(p.name, r)
}

// parts are those of all sources, by name, each once: the digest in its name
// says that it is the same wherever it lies.
func (l Log) parts(ctx context.Context) ([]part, error) {
	var all []part
	for _, source := range l.Sources {
		var found []part
		var err error
		switch {
		case strings.HasPrefix(source, "gs://"):
			bucket, _, _ := strings.Cut(strings.TrimPrefix(source, "gs://"), "/")
			err = fmt.Errorf("%w at %s: fetch it first with 'gcloud storage cp --recursive gs://%s/results .' and use --results results; a public bucket is read with --results https://storage.googleapis.com/%s", ErrSource, source, bucket, bucket)
		case strings.HasPrefix(source, "https://") || strings.HasPrefix(source, "http://"):
			found, err = bucketParts(ctx, source)
		default:
			found, err = fileParts(source)
		}
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%w at %s: it holds no results/YYYY-MM-DD/part-*.jsonl", ErrSource, source)
		}
		all = append(all, found...)
	}
	slices.SortStableFunc(all, func(a, b part) int { return strings.Compare(a.name, b.name) })
	return slices.CompactFunc(all, func(a, b part) bool { return a.name == b.name }), nil
}

// fileParts are the *.jsonl files of a directory, however deep, or one file.
func fileParts(root string) ([]part, error) {
	var found []part
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".jsonl" {
			return err
		}
		found = append(found, part{partName(path), func(context.Context) (io.ReadCloser, error) { return os.Open(path) }})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	return found, nil
}

// partName is a file's name in the log, which says its day and digest. A file
// that lies as no part does keeps its own name, and will be told of.
func partName(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute // one that was given as part-....jsonl lies in its day's directory, too
	}
	name := resultlog.Prefix + filepath.Base(filepath.Dir(path)) + "/" + filepath.Base(path)
	if _, _, err := resultlog.ParseName(name); err != nil {
		return path
	}
	return name
}

// inMemory is content to be read.
func inMemory(content []byte) io.ReadCloser { return io.NopCloser(bytes.NewReader(content)) }
