package state

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"

// In a process of its own this package's test holds a lock until it is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("HOLD_LOCK_OF"); dir != "" {
		d, err := Open(dir, address, "https://blockrun.ai/api")
		if err == nil {
			err = d.Lock()
		}
		fmt.Println("held", err)
		select {}
	}
	os.Exit(m.Run())
}

func open(t *testing.T, root, address, api string) *Dir {
	t.Helper()
	d, err := Open(root, address, api)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestRoot(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	for name, c := range map[string]struct {
		env  map[string]string
		want string
		on   string
	}{
		"named":     {map[string]string{EnvDir: "/x/y", "XDG_STATE_HOME": "/z"}, "/x/y", runtime.GOOS},
		"linux":     {nil, filepath.Join(home, ".local/state/blockrun-worker"), "linux"},
		"XDG":       {map[string]string{"XDG_STATE_HOME": "/z"}, "/z/blockrun-worker", "linux"},
		"odd XDG":   {map[string]string{"XDG_STATE_HOME": "z"}, filepath.Join(home, ".local/state/blockrun-worker"), "linux"},
		"macOS":     {nil, filepath.Join(home, "Library/Application Support/blockrun-worker"), "darwin"},
		"windows":   {map[string]string{"LocalAppData": `C:\x`}, `C:\x\blockrun-worker`, "windows"},
		"windows 2": {nil, filepath.Join(home, `AppData\Local\blockrun-worker`), "windows"},
	} {
		if c.on != runtime.GOOS {
			continue
		}
		if got, err := Root(func(k string) string { return c.env[k] }); err != nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
	t.Setenv("HOME", "")
	t.Setenv("USERPROFILE", "")
	if _, err := Root(func(string) string { return "" }); err == nil || !strings.Contains(err.Error(), EnvDir) {
		t.Error(err)
	}
}

// A wallet has one directory at an API, however the two are spelled, and
// others have others.
func TestDirs(t *testing.T) {
	root := t.TempDir()
	first := open(t, root, address, "https://blockrun.ai/api")
	if info, err := os.Stat(first.Path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	for _, same := range []*Dir{open(t, root, strings.ToLower(address), "https://blockrun.ai/api/"), open(t, root, address, "https://BLOCKRUN.ai/api")} {
		if same.Path != first.Path {
			t.Errorf("%s and %s", same.Path, first.Path)
		}
	}
	seen := map[string]bool{first.Path: true}
	for _, other := range []*Dir{
		open(t, root, "0x"+strings.Repeat("1", 40), "https://blockrun.ai/api"), open(t, root, address, "http://127.0.0.1:8080/api"),
		open(t, root, address, "http://[::1]:8080/api"), open(t, root, address, "../../x"),
	} {
		if seen[other.Path] || filepath.Dir(other.Path) != root {
			t.Errorf("%s", other.Path)
		}
		seen[other.Path] = true
	}
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, address, "x"); err == nil {
		t.Error("a directory below a file")
	}
}

// One process at a time: the second is told who the first is, and takes over
// when that has ended, even if it was killed.
func TestLock(t *testing.T) {
	root := t.TempDir()
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), "HOLD_LOCK_OF="+root)
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Process.Kill()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held <nil>\n" {
		t.Fatal(line, err)
	}
	d := open(t, root, address, "https://blockrun.ai/api")
	if err := d.Lock(); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprintf("process %d", other.Process.Pid)) {
		t.Errorf("got %v", err)
	}
	if err := open(t, root, address, "https://other.org/api").Lock(); err != nil { // another network
		t.Error(err)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait()
	if err := d.Lock(); err != nil {
		t.Errorf("after it was killed: %v", err)
	}
	if err := open(t, root, address, "https://blockrun.ai/api").Lock(); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("in the same process: %v", err)
	}
	d.Unlock()
	if err := d.Lock(); err != nil {
		t.Errorf("after Unlock: %v", err)
	}
	d.Unlock()
}
