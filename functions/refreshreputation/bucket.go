package refreshreputation

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"cloud.google.com/go/storage"
	"google.golang.org/api/iterator"
)

// Bucket is Logs in Cloud Storage. Its client honours STORAGE_EMULATOR_HOST by
// itself.
type Bucket struct {
	name   string
	handle *storage.BucketHandle
}

// NewBucket reads the bucket called name.
func NewBucket(client *storage.Client, name string) Bucket {
	return Bucket{name: name, handle: client.Bucket(name)}
}

// List is the objects that begin with prefix, in order of their names.
func (b Bucket) List(ctx context.Context, prefix string) ([]Object, error) {
	q := &storage.Query{Prefix: prefix, Projection: storage.ProjectionNoACL}
	if err := q.SetAttrSelection([]string{"Name", "Generation"}); err != nil {
		return nil, fmt.Errorf("list gs://%s/%s: %w", b.name, prefix, err)
	}
	var objects []Object
	for it := b.handle.Objects(ctx, q); ; {
		o, err := it.Next()
		if errors.Is(err, iterator.Done) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list gs://%s/%s: %w", b.name, prefix, err)
		}
		objects = append(objects, Object{Name: o.Name, Generation: o.Generation})
	}
}

// Open reads one generation of an object, from a byte on. What begins like
// gzip is unpacked, whatever the object's name or its Content-Encoding says,
// and the byte is one of what it holds. Error: ErrGone.
func (b Bucket) Open(ctx context.Context, o Object, offset int64) (io.ReadCloser, error) {
	raw, err := b.read(ctx, o, 0)
	if err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(raw, 64<<10)
	magic, err := in.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		raw.Close()
		return nil, fmt.Errorf("read gs://%s/%s: %w", b.name, o.Name, err)
	}
	if string(magic) != "\x1f\x8b" {
		if offset == 0 {
			return readCloser{in, raw}, nil
		}
		raw.Close()
		if offset >= raw.Attrs.Size { // a range from the very end is refused
			return readCloser{strings.NewReader(""), raw}, nil
		}
		return b.read(ctx, o, offset)
	}
	z, err := gzip.NewReader(in)
	if err == nil {
		_, err = io.CopyN(io.Discard, z, offset)
	}
	if err != nil {
		raw.Close()
		return nil, fmt.Errorf("unpack gs://%s/%s: %w", b.name, o.Name, err)
	}
	return readCloser{z, raw}, nil
}

func (b Bucket) read(ctx context.Context, o Object, offset int64) (*storage.Reader, error) {
	r, err := b.handle.Object(o.Name).Generation(o.Generation).ReadCompressed(true).NewRangeReader(ctx, offset, -1)
	if errors.Is(err, storage.ErrObjectNotExist) {
		err = fmt.Errorf("%w: %w", ErrGone, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open gs://%s/%s: %w", b.name, o.Name, err)
	}
	return r, nil
}

type readCloser struct {
	io.Reader
	io.Closer
}
