package main

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func zipped(t *testing.T, tree fs.FS) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := Zip(&b, tree); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Nothing of the machine gets in: not the time, not the user's umask.
func TestTheSameFilesMakeTheSameBytes(t *testing.T) {
	file := func(content string, mode fs.FileMode, at time.Time) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(content), Mode: mode, ModTime: at}
	}
	now := time.Now()
	first := zipped(t, fstest.MapFS{"b/x.go": file("package b", 0o600, now), "a.go": file("package a", 0o644, now)})
	second := zipped(t, fstest.MapFS{"a.go": file("package a", 0o755, now.Add(time.Hour)), "b/x.go": file("package b", 0o444, time.Time{})})
	if !bytes.Equal(first, second) {
		t.Error("times or modes have changed the archive")
	}
	for name, other := range map[string]fstest.MapFS{
		"another content": {"a.go": file("package A", 0o644, now), "b/x.go": file("package b", 0o600, now)},
		"another name":    {"a.go": file("package a", 0o644, now), "b/y.go": file("package b", 0o600, now)},
		"one file less":   {"a.go": file("package a", 0o644, now)},
	} {
		if bytes.Equal(first, zipped(t, other)) {
			t.Errorf("%s makes the same archive", name)
		}
	}
}

func TestZipReadsBack(t *testing.T) {
	content := strings.Repeat("line\n", 10_000)
	b := zipped(t, fstest.MapFS{"b/x.txt": {Data: []byte(content)}, "a.go": {Data: []byte("package a")}})
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.File) != 2 || r.File[0].Name != "a.go" || r.File[1].Name != "b/x.txt" || r.File[1].Mode() != 0o644 {
		t.Fatalf("files %+v", r.File)
	}
	for _, f := range r.File {
		if !f.Modified.Equal(epoch) {
			t.Errorf("%s is of %v: another run makes another archive", f.Name, f.Modified)
		}
	}
	if got, err := fs.ReadFile(r, "b/x.txt"); err != nil || string(got) != content {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if len(b) > len(content)/10 {
		t.Errorf("%d bytes of %d: not compressed", len(b), len(content))
	}
}

func TestZipRefusesLinks(t *testing.T) {
	tree := fstest.MapFS{"key": {Data: []byte("/etc/passwd"), Mode: fs.ModeSymlink}}
	if _, err := Zip(&bytes.Buffer{}, tree); err == nil || !strings.Contains(err.Error(), "key") {
		t.Errorf("got %v", err)
	}
}
