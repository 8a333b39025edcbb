package restore

import (
	"context"
	"errors"
	"fmt"
	"io"

	"cloud.google.com/go/storage"
	"google.golang.org/api/iterator"

	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

// Bucket is a Log in Cloud Storage. Its client honours STORAGE_EMULATOR_HOST by
// itself.
type Bucket struct {
	name   string
	handle *storage.BucketHandle
}

// NewBucket reads the bucket called name.
func NewBucket(client *storage.Client, name string) Bucket {
	return Bucket{name: name, handle: client.Bucket(name)}
}

// Names implements Log. Names begin with the day, so the earlier ones are passed over.
func (b Bucket) Names(ctx context.Context, fromDay string, yield func(name string) error) error {
	query := &storage.Query{Prefix: resultlog.Prefix, StartOffset: resultlog.Prefix + fromDay}
	if err := query.SetAttrSelection([]string{"Name"}); err != nil {
		return fmt.Errorf("list gs://%s: %w", b.name, err)
	}
	objects := b.handle.Objects(ctx, query)
	for {
		o, err := objects.Next()
		if errors.Is(err, iterator.Done) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list gs://%s: %w", b.name, err)
		}
		if err := yield(o.Name); err != nil {
			return err
		}
	}
}

// Open implements Log.
func (b Bucket) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	r, err := b.handle.Object(name).NewReader(ctx)
	if err != nil {
		return nil, fmt.Errorf("read gs://%s/%s: %w", b.name, name, err)
	}
	return r, nil
}
