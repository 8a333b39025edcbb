// Package state is where a worker keeps what must outlive it, and the lock
// that lets one worker at a time work for a wallet.
package state

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// EnvDir is the variable that names another directory than Root finds.
const EnvDir = "WORKER_STATE_DIR"

// folder is the worker's, below the user's.
const folder = "blockrun-worker"

// Root is the directory for all wallets: EnvDir, or the worker's own in the
// user's directory for state ($XDG_STATE_HOME or ~/.local/state; on macOS
// ~/Library/Application Support; on Windows %LocalAppData%). It need not exist.
func Root(getenv func(string) string) (string, error) {
	if dir := getenv(EnvDir); dir != "" {
		return dir, nil
	}
	switch runtime.GOOS {
	case "windows":
		if dir := getenv("LocalAppData"); dir != "" {
			return filepath.Join(dir, folder), nil
		}
	case "darwin", "ios":
	default:
		if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) { // others are to be ignored (XDG Base Directory)
			return filepath.Join(dir, folder), nil
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a directory for the worker's state: %w; name one in %s", err, EnvDir)
	}
	switch runtime.GOOS {
	case "windows":
		return filepath.Join(home, "AppData", "Local", folder), nil
	case "darwin", "ios":
		return filepath.Join(home, "Library", "Application Support", folder), nil
	}
	return filepath.Join(home, ".local", "state", folder), nil
}

// ErrLocked means that another worker runs for the same wallet and API.
var ErrLocked = errors.New("another worker runs for this wallet")

// Dir is the state of one wallet at one API.
type Dir struct {
	Path string
	lock *flock.Flock
}

var odd = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// Open makes the directory of a wallet's address at an API's base URL, for its
// owner alone.
func Open(root, address, api string) (*Dir, error) {
	host := api
	if u, err := url.Parse(api); err == nil && u.Host != "" {
		host = u.Host + strings.TrimSuffix(u.Path, "/")
	}
	name := strings.ToLower(address) + "@" + strings.Trim(odd.ReplaceAllString(strings.ToLower(host), "_"), "_")
	d := &Dir{Path: filepath.Join(root, name)}
	if err := os.MkdirAll(d.Path, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory for the worker's state: %w", err)
	}
	return d, nil
}

// Results is the file for results that wait to be submitted.
func (d *Dir) Results() string { return filepath.Join(d.Path, "results.json") }

// Lock makes this process the wallet's only worker, until Unlock or its end,
// however it ends. ErrLocked says who holds it.
func (d *Dir) Lock() error {
	d.lock = flock.New(filepath.Join(d.Path, "lock"), flock.SetPermissions(0o600))
	locked, err := d.lock.TryLock()
	if err != nil {
		return fmt.Errorf("lock the wallet: %w", err)
	}
	if !locked {
		return fmt.Errorf("%w: %s", ErrLocked, d.holder())
	}
	// Beside the lock and not in it: on Windows nobody else can read that.
	if err := os.WriteFile(d.pidFile(), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return errors.Join(fmt.Errorf("say who holds the lock: %w", err), d.lock.Unlock())
	}
	return nil
}

// Unlock lets another worker work.
func (d *Dir) Unlock() {
	os.Remove(d.pidFile())
	_ = d.lock.Unlock()
}

func (d *Dir) pidFile() string { return filepath.Join(d.Path, "pid") }

// holder is who has the lock, as far as that is known.
func (d *Dir) holder() string {
	text, err := os.ReadFile(d.pidFile())
	pid, notPID := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || notPID != nil {
		return "its process id is not known"
	}
	return fmt.Sprintf("it is process %d", pid)
}
