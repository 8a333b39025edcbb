package refreshreputation

import (
	"context"
	"errors"
	"fmt"
	"io"

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

// List is the names of the objects that begin with prefix, in order.
func (b Bucket) List(ctx context.Context, prefix string) ([]string, error) {
	q := &storage.Query{Prefix: prefix, Projection: storage.ProjectionNoACL}
	if err := q.SetAttrSelection([]string{"Name"}); err != nil {
		return nil, fmt.Errorf("list gs://%s/%s: %w", b.name, prefix, err)
	}
	var names []string
	for it := b.handle.Objects(ctx, q); ; {
		o, err := it.Next()
		if errors.Is(err, iterator.Done) {
			return names, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list gs://%s/%s: %w", b.name, prefix, err)
		}
		names = append(names, o.Name)
	}
}

// Open reads one object from its beginning.
func (b Bucket) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	r, err := b.handle.Object(name).NewReader(ctx)
	if err != nil {
		return nil, fmt.Errorf("open gs://%s/%s: %w", b.name, name, err)
	}
	return r, nil
}
