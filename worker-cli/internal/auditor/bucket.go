package auditor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/BlockRunAI/worker-network/shared/resultlog"
)

// A bucket is a public one of Cloud Storage, given as
// https://storage.googleapis.com/BUCKET, or another server that answers the
// same two requests: the JSON API's list of objects, and GET of an object.
type bucket struct {
	root *url.URL // of the server
	name string
	http *http.Client
}

// The bounds of one answer. A part is little above 4 MB.
const (
	maxList      = 16 << 20
	maxPart      = 64 << 20
	fetchTimeout = 2 * time.Minute
	fetchTries   = 4
)

func bucketParts(ctx context.Context, source string) ([]part, error) {
	u, err := url.Parse(source)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	name := strings.Trim(u.Path, "/")
	if u.Host == "" || name == "" || strings.Contains(name, "/") || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%w at %s: give a bucket, as https://storage.googleapis.com/BUCKET", ErrSource, u.Redacted())
	}
	b := bucket{&url.URL{Scheme: u.Scheme, Host: u.Host}, name, &http.Client{Timeout: fetchTimeout}}
	names, err := b.list(ctx)
	if err != nil {
		return nil, err
	}
	var found []part
	for _, name := range names {
		if path.Ext(name) != ".jsonl" {
			continue
		}
		found = append(found, part{name, func(ctx context.Context) (io.ReadCloser, error) {
			content, err := b.get(ctx, b.root.JoinPath(b.name, name).String(), maxPart)
			return inMemory(content), err
		}})
	}
	return found, nil
}

// list are the names of all objects of the log.
func (b bucket) list(ctx context.Context) (names []string, err error) {
	query := url.Values{"prefix": {resultlog.Prefix}, "fields": {"items/name,nextPageToken"}}
	for {
		at := b.root.JoinPath("storage/v1/b", b.name, "o")
		at.RawQuery = query.Encode()
		text, err := b.get(ctx, at.String(), maxList)
		if err != nil {
			return nil, err
		}
		var page struct {
			Items []struct {
				Name string `json:"name"`
			} `json:"items"`
			NextPageToken string `json:"nextPageToken"`
		}
		if err := json.Unmarshal(text, &page); err != nil {
			return nil, fmt.Errorf("%w: %s is no list of objects: %w", ErrSource, at, err)
		}
		for _, item := range page.Items {
			names = append(names, item.Name)
		}
		if page.NextPageToken == "" {
			return names, nil
		}
		query.Set("pageToken", page.NextPageToken)
	}
}

// get fetches all of what is at a URL, again if the server is busy.
func (b bucket) get(ctx context.Context, from string, limit int64) (content []byte, err error) {
	wait := 500 * time.Millisecond
	for try := 1; ; try++ {
		var again bool
		if content, again, err = b.once(ctx, from, limit); err == nil || !again || try == fetchTries || ctx.Err() != nil {
			return content, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		wait *= 2
	}
}

func (b bucket) once(ctx context.Context, from string, limit int64) (content []byte, again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, http.NoBody)
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", ErrSource, err)
	}
	resp, err := b.http.Do(req)
	if err != nil {
		return nil, true, fmt.Errorf("fetch the result log: %w", err)
	}
	defer resp.Body.Close()
	busy := resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= http.StatusInternalServerError
	if resp.StatusCode != http.StatusOK {
		err := fmt.Errorf("fetch the result log: GET %s: %s", from, resp.Status)
		if !busy {
			err = fmt.Errorf("%w: %w: is the bucket public?", ErrSource, err)
		}
		return nil, busy, err
	}
	content, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return nil, true, fmt.Errorf("fetch the result log: GET %s: %w", from, err)
	case int64(len(content)) > limit:
		return nil, false, errors.New("fetch the result log: GET " + from + ": the answer is too long")
	}
	return content, false, nil
}
