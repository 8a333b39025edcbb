package bucket

import (
	"errors"
	"io"
	"testing"

	"cloud.google.com/go/storage"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
)

const name = "spend-logs"

func start(t *testing.T, objects map[string][]byte) *Server {
	t.Helper()
	s, err := Start(t.Context(), Options{Name: name, Objects: objects})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Google's own client finds and reads the objects, over either API.
func TestReadWithTheRealClient(t *testing.T) {
	s := start(t, map[string][]byte{
		"llm-calls/2026-10-01.jsonl": []byte("{\"wallet\":\"0x1\"}\n"),
		"llm-calls/2026-10-02.jsonl": []byte("two"),
		"other/file":                 []byte("x"),
	})
	t.Setenv("STORAGE_EMULATOR_HOST", s.Addr)
	s.Put(name, "llm-calls/2026-10-02.jsonl", []byte("two, grown"))

	for api, opts := range map[string][]option.ClientOption{"XML": nil, "JSON": {storage.WithJSONReads()}} {
		t.Run(api, func(t *testing.T) { readAll(t, opts) })
	}
}

func readAll(t *testing.T, opts []option.ClientOption) {
	client, err := storage.NewClient(t.Context(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	want := map[string]string{
		"llm-calls/2026-10-01.jsonl": "{\"wallet\":\"0x1\"}\n",
		"llm-calls/2026-10-02.jsonl": "two, grown",
	}
	found := 0
	for it := client.Bucket(name).Objects(t.Context(), &storage.Query{Prefix: "llm-calls/"}); ; found++ {
		attrs, err := it.Next()
		if errors.Is(err, iterator.Done) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		r, err := client.Bucket(name).Object(attrs.Name).NewReader(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || string(got) != want[attrs.Name] {
			t.Errorf("%s = %q, %v", attrs.Name, got, err)
		}
		r.Close()
	}
	if found != len(want) {
		t.Errorf("%d objects found, want %d", found, len(want))
	}
	if _, err := client.Bucket(name).Object("llm-calls/none").NewReader(t.Context()); !errors.Is(err, storage.ErrObjectNotExist) {
		t.Errorf("a missing object gives %v", err)
	}
}

func TestBusyPort(t *testing.T) {
	s := start(t, nil)
	if _, err := Start(t.Context(), Options{Name: name, Listen: s.Addr}); err == nil {
		t.Error("a taken address was accepted")
	}
}
