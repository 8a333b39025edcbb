//go:build unix

package emulator

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

const elf = "\x7fELF the emulator"

func archive(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	tw := tar.NewWriter(zw)
	for name, text := range files {
		if err := tw.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	tw.Close()
	zw.Close()
	return buf.Bytes()
}

// serve gives the bench a release server; launched is what would have been run.
func (b *bench) serve(t *testing.T, h http.HandlerFunc) (launched *[]string) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	b.download, b.archiveURL = srv.Client(), srv.URL+"/emulator.tar.gz"
	launched = new([]string)
	var mu sync.Mutex
	b.launch = func(o launchOptions) (*process, error) {
		mu.Lock()
		defer mu.Unlock()
		text, err := os.ReadFile(o.argv[0])
		if err != nil {
			return nil, err
		}
		*launched = append(*launched, string(text))
		p := &process{lines: make(chan string, 1), ended: make(chan struct{}), stop: func() {}}
		p.lines <- "Server address: 127.0.0.1:4321"
		return p, nil
	}
	return launched
}

func TestArchiveIsFetchedOnce(t *testing.T) {
	data := archive(t, map[string]string{"README": "x", "emulator_main": elf, "gateway_main": elf + "2"})
	b := newBench(t)
	var fetches atomic.Int32
	launched := b.serve(t, func(w http.ResponseWriter, _ *http.Request) {
		fetches.Add(1)
		sum := md5.Sum(data)
		w.Header().Add("X-Goog-Hash", "crc32c=AAAAAA==,md5="+base64.StdEncoding.EncodeToString(sum[:]))
		w.Write(data)
	})
	var notices atomic.Int32
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			e, err := b.start(t.Context(), Options{Notice: func(string) { notices.Add(1) }})
			if err != nil {
				t.Error(err)
				return
			}
			if !strings.Contains(e.How, "from the release archive") {
				t.Errorf("How: %q", e.How)
			}
		})
	}
	wg.Wait()
	if fetches.Load() != 1 || notices.Load() != 1 {
		t.Errorf("%d fetches, %d notices; want 1 of each", fetches.Load(), notices.Load())
	}
	if len(*launched) != 3 || (*launched)[0] != elf {
		t.Errorf("launched %q", *launched)
	}
}

func TestBadArchiveIsNeverRun(t *testing.T) {
	good := archive(t, map[string]string{"emulator_main": elf})
	tests := map[string]http.HandlerFunc{
		"404":      http.NotFound,
		"not gzip": func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>sign in</html>")) },
		"cut off":  func(w http.ResponseWriter, _ *http.Request) { w.Write(good[:len(good)-12]) },
		"damaged": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Add("X-Goog-Hash", "md5="+base64.StdEncoding.EncodeToString(make([]byte, 16)))
			w.Write(good)
		},
		"no emulator in it": func(w http.ResponseWriter, _ *http.Request) { w.Write(archive(t, map[string]string{"a": elf})) },
		"no program": func(w http.ResponseWriter, _ *http.Request) {
			w.Write(archive(t, map[string]string{"emulator_main": "#!/bin/sh\n"}))
		},
	}
	for name, h := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			launched := b.serve(t, h)
			if _, err := b.start(t.Context(), Options{}); err == nil {
				t.Error("it started")
			}
			if len(*launched) != 0 {
				t.Errorf("launched %q", *launched)
			}
			cache, _ := b.cacheDir()
			left, _ := filepath.Glob(filepath.Join(cache, "*", "*", binaryName+"*"))
			for _, f := range left {
				if !strings.HasSuffix(f, ".lock") {
					t.Errorf("left behind: %s", f)
				}
			}
		})
	}
}
