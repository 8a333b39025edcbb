package release

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const root = "../../.."

// What the project promises of its releases stands in the configuration.
func TestConfiguration(t *testing.T) {
	c, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	want := []Target{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}, {"windows", "arm64"}}
	if got := c.Targets(); !slices.Equal(got, want) {
		t.Errorf("targets %v", got)
	}
	b := c.Builds[0]
	for _, flag := range []string{"-trimpath", "-buildvcs=false"} {
		if !slices.Contains(b.Flags, flag) {
			t.Errorf("no %s: the bytes depend on who builds them", flag)
		}
	}
	if !slices.Contains(b.Env, "CGO_ENABLED=0") || !strings.Contains(strings.Join(b.Ldflags, " "), "-buildid=") || b.ModTimestamp != "{{ .CommitTimestamp }}" {
		t.Errorf("%+v", b)
	}
	if c.Version != 2 || c.Checksum.Algorithm != "sha256" || c.Checksum.NameTemplate != "checksums.txt" || !c.Release.Draft {
		t.Errorf("%+v", c)
	}
	a := c.Archives[0]
	for _, i := range append([]info{a.BuildsInfo}, a.Files[0].Info) {
		if i.Mtime != "{{ .CommitDate }}" {
			t.Errorf("an archive's time is %q", i.Mtime)
		}
	}
	for _, f := range a.Files {
		if _, err := os.Stat(filepath.Join(root, f.Src)); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(filepath.Join(root, b.Main, "main.go")); err != nil {
		t.Error(err)
	}
}

// The same bytes come out of two folders, whatever they are called.
func TestReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("left out under -short: builds the worker twice")
	}
	c, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	host := Target{runtime.GOOS, runtime.GOARCH}
	var made [2][]byte
	for i, name := range []string{"a", "another/and longer"} {
		dir := filepath.Join(t.TempDir(), name)
		copySource(t, dir)
		file := filepath.Join(dir, "built", "worker-cli")
		if err := c.Make(t.Context(), dir, file, host, Stamp{"1.2.3", "abc"}); err != nil {
			t.Fatal(err)
		}
		if made[i], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(made[i], []byte(t.TempDir())) {
			t.Error("the folder stands in the program")
		}
		out, err := exec.CommandContext(t.Context(), file, "version").CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "worker-cli v1.2.3 (commit abc, ") {
			t.Errorf("it says %s, %v", out, err)
		}
	}
	if !bytes.Equal(made[0], made[1]) {
		t.Errorf("%d and %d bytes, and not the same", len(made[0]), len(made[1]))
	}
}

// copySource copies what the worker is made from.
func copySource(t *testing.T, to string) {
	t.Helper()
	for _, part := range []string{"go.mod", "go.sum", "shared", "worker-cli"} {
		err := filepath.WalkDir(filepath.Join(root, part), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
				return err
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			file := filepath.Join(to, rel)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				return err
			}
			return os.WriteFile(file, text, 0o644)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
