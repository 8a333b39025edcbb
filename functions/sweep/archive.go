package sweep

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"time"

	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"
)

// writeTime bounds one file: without it the client asks for ever.
const writeTime = 20 * time.Second

// Bucket is an Archive in Cloud Storage. Its client honours
// STORAGE_EMULATOR_HOST by itself.
type Bucket struct {
	name   string
	handle *storage.BucketHandle
}

// NewBucket writes into the bucket called name. It needs no right to delete
// or overwrite, only to create objects and to read their metadata.
func NewBucket(client *storage.Client, name string) Bucket {
	return Bucket{name: name, handle: client.Bucket(name)}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Create implements Archive.
func (b Bucket) Create(ctx context.Context, name string, content []byte) error {
	// The end of the context also ends an upload that was given up half way.
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	object := b.handle.Object(name)
	w := object.If(storage.Conditions{DoesNotExist: true}).NewWriter(ctx)
	w.ContentType = "application/jsonl"
	w.CRC32C, w.SendCRC32C = crc32.Checksum(content, castagnoli), true
	w.ChunkSize = len(content) + 1 // one request, which the client can repeat
	_, err := w.Write(content)
	if closing := w.Close(); err == nil {
		err = closing
	}
	if status := (*googleapi.Error)(nil); errors.As(err, &status) && status.Code == http.StatusPreconditionFailed {
		return b.compare(ctx, object, content)
	}
	if err != nil {
		return fmt.Errorf("write gs://%s/%s: %w", b.name, name, err)
	}
	return nil
}

// compare is nil when the object is there with that content.
func (b Bucket) compare(ctx context.Context, object *storage.ObjectHandle, content []byte) error {
	there, err := object.Attrs(ctx)
	if err != nil {
		return fmt.Errorf("look at gs://%s/%s, which exists: %w", b.name, object.ObjectName(), err)
	}
	sum := md5.Sum(content) // what Cloud Storage has of every object; no proof of anything
	same := there.Size == int64(len(content)) && there.CRC32C == crc32.Checksum(content, castagnoli) &&
		(len(there.MD5) == 0 || bytes.Equal(there.MD5, sum[:])) // composed objects have no MD5
	if !same {
		return fmt.Errorf("gs://%s/%s has %d bytes of CRC32C %08x, not %d of %08x: %w",
			b.name, object.ObjectName(), there.Size, there.CRC32C, len(content), crc32.Checksum(content, castagnoli), ErrDiffers)
	}
	return nil
}
