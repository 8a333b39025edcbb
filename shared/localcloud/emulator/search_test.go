//go:build unix

package emulator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// bench is a made-up machine: programs are scripts, and nothing is on PATH
// but what the test puts there.
type bench struct {
	machine
	path string // the only directory on PATH
	env  map[string]string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{path: t.TempDir(), env: map[string]string{}}
	cache := t.TempDir()
	b.machine = machine{
		goos: "linux", goarch: "amd64",
		getenv: func(k string) string { return b.env[k] },
		lookPath: func(name string) (string, error) {
			return exec.LookPath(filepath.Join(b.path, name))
		},
		cacheDir:   func() (string, error) { return cache, nil },
		download:   &http.Client{Transport: noNetwork{}},
		archiveURL: "http://release.invalid/emulator.tar.gz",
		reach:      func(context.Context, string) error { return nil },
		launch:     launch,
	}
	return b
}

type noNetwork struct{}

func (noNetwork) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("no network here")
}

func script(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// fakeSDK is gcloud with the emulator's component, linked from PATH.
func (b *bench) fakeSDK(t *testing.T, emulator string) {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "google-cloud-sdk", "bin")
	gcloud := script(t, filepath.Join(bin, "gcloud"), "exit 1")
	if emulator != "" {
		script(t, filepath.Join(bin, "cloud_spanner_emulator", "emulator_main"), emulator)
	}
	if err := os.Symlink(gcloud, filepath.Join(b.path, "gcloud")); err != nil {
		t.Fatal(err)
	}
}

// fakeDocker writes what it is asked into the file that it returns. As with
// the real one, a container has a port once it runs.
func (b *bench) fakeDocker(t *testing.T) (calls string) {
	t.Helper()
	calls = filepath.Join(t.TempDir(), "calls")
	script(t, filepath.Join(b.path, "docker"), `
echo "$*" >> `+calls+`
case $1 in
port) grep -q '^run ' `+calls+` || exit 1; echo 127.0.0.1:4455; echo '[::1]:4456';;
run) exec sleep 60;;
esac`)
	return calls
}

const goodEmulator = `[ "$1 $2" = "--host_port 127.0.0.1:0" ] || { echo "flags: $*" >&2; exit 2; }
echo "Cloud Spanner Emulator running." >&2
echo "I0000 emulator_main.cc:40] Server address: 127.0.0.1:4321" >&2
exec sleep 60`

func TestOrder(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(*testing.T, *bench)
		host    string
		how     string
	}{
		{"variable before all", func(t *testing.T, b *bench) {
			b.env[HostVariable] = "http://other:9010"
			b.fakeSDK(t, goodEmulator)
		}, "other:9010", HostVariable},
		{"beside gcloud, through a link", func(t *testing.T, b *bench) {
			b.fakeSDK(t, goodEmulator)
			b.fakeDocker(t)
		}, "127.0.0.1:4321", "beside gcloud"},
		{"Docker when gcloud has no emulator", func(t *testing.T, b *bench) {
			b.fakeSDK(t, "")
			b.fakeDocker(t)
		}, "127.0.0.1:4455", "in Docker"},
		{"Docker when the emulator beside gcloud does not run", func(t *testing.T, b *bench) {
			b.fakeSDK(t, "echo 'GLIBC_2.99 not found' >&2; exit 1")
			b.fakeDocker(t)
		}, "127.0.0.1:4455", "in Docker"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			tt.prepare(t, b)
			e, err := b.start(t.Context(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Stop()
			if e.Host != tt.host || !strings.Contains(e.How, tt.how) {
				t.Errorf("got %q, %q; want host %s, %q", e.Host, e.How, tt.host, tt.how)
			}
		})
	}
}

func TestNamedHostIsNeverReplaced(t *testing.T) {
	b := newBench(t)
	b.fakeSDK(t, goodEmulator)
	b.env[HostVariable] = "dead:9010"
	b.reach = func(_ context.Context, host string) error { return fmt.Errorf("nobody at %s", host) }
	_, err := b.start(t.Context(), Options{})
	if err == nil || !strings.Contains(err.Error(), HostVariable+"=dead:9010") {
		t.Errorf("got %v", err)
	}
}

func TestNoneToBeHad(t *testing.T) {
	for goos, advice := range map[string]string{
		"linux":   "gcloud components install cloud-spanner-emulator",
		"darwin":  "Docker",
		"windows": "WSL",
	} {
		b := newBench(t)
		b.goos = goos
		b.fakeSDK(t, "echo 'cannot execute' >&2; exit 1")
		_, err := b.start(t.Context(), Options{})
		if err == nil {
			t.Fatal("an emulator out of nothing")
		}
		for _, want := range []string{HostVariable + ": not set", "cannot execute", "docker is not on PATH", "release archive: ", advice} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the error does not say %q:\n%v", goos, want, err)
			}
		}
	}
}

func TestContainerIsRemoved(t *testing.T) {
	b := newBench(t)
	calls := b.fakeDocker(t)
	e, err := b.start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	e.Stop()
	said, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	var name string
	for line := range strings.Lines(string(said)) {
		if strings.HasPrefix(line, "run ") {
			fmt.Sscanf(line, "run --rm --name %s", &name)
		}
	}
	if name == "" || !strings.Contains(string(said), "rm -f "+name+"\n") {
		t.Errorf("container %q was not removed:\n%s", name, said)
	}
}

func TestSilentProgramIsGivenUp(t *testing.T) {
	b := newBench(t)
	b.fakeSDK(t, "exec sleep 60")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := b.start(ctx, Options{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want a deadline", err)
	}
}

func TestReachNeedsASpanner(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := reach(ctx, "127.0.0.1:1"); err == nil {
		t.Error("a closed port passes for a Spanner")
	}
}
