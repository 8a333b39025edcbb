// Package emulator finds the real Spanner emulator on this machine, starts it,
// and sees to it that it ends when this process ends, however it ends.
//
// It is looked for in this order (cloud.md, Local and test parts):
// SPANNER_EMULATOR_HOST; beside gcloud; Docker; on Linux the official release
// archive, fetched once into the user's cache directory.
package emulator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// HostVariable names the emulator to use instead of starting one. The Spanner
// client reads it, too: whoever starts an emulator sets it for the clients of
// this process.
const HostVariable = "SPANNER_EMULATOR_HOST"

// version is the one that all of this project's figures were measured with.
const version = "1.5.28"

// Options of Start.
type Options struct {
	// Notice is told, in one line, before something slow begins: a download.
	// May be nil.
	Notice func(string)
}

// Emulator is a Spanner emulator that answers.
type Emulator struct {
	Host string // host:port of its gRPC API
	How  string // one line: where it comes from

	stop  func()
	ended <-chan struct{}
	once  sync.Once
}

// Ended is closed when an emulator that Start started is gone, whoever ended
// it; nil, and so never, for one that was there before.
func (e *Emulator) Ended() <-chan struct{} { return e.ended }

// Stop ends the emulator and all its data, if Start started it. It may be
// called more than once.
func (e *Emulator) Stop() {
	e.once.Do(func() {
		if e.stop != nil {
			e.stop()
		}
	})
}

// Start finds or starts an emulator. ctx bounds the start only. When none can
// be had, the error lists what was tried and says how to get one here.
func Start(ctx context.Context, o Options) (*Emulator, error) {
	return realMachine().start(ctx, o)
}

// absent is the error of a source that does not exist on this machine: the
// next one is tried, as it is after any other error.
type absent string

func (a absent) Error() string { return string(a) }

func (m machine) start(ctx context.Context, o Options) (*Emulator, error) {
	if o.Notice == nil {
		o.Notice = func(string) {}
	}
	if host := m.getenv(HostVariable); host != "" {
		// Somebody named one: to take another would be a surprise.
		if err := m.reach(ctx, bare(host)); err != nil {
			return nil, fmt.Errorf("%s=%s does not answer (start that emulator, or unset the variable to have one started): %w", HostVariable, host, err)
		}
		return &Emulator{Host: bare(host), How: "Spanner emulator at " + bare(host) + ", from " + HostVariable}, nil
	}
	sources := []struct {
		name  string
		start func(context.Context, Options) (*Emulator, error)
	}{
		{"beside gcloud", m.besideGcloud},
		{"Docker", m.inDocker},
		{"release archive", m.fromArchive},
	}
	tried := []string{HostVariable + ": not set"}
	for _, s := range sources {
		e, err := s.start(ctx, o)
		if err == nil {
			return e, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("start the Spanner emulator (%s): %w", s.name, errors.Join(ctx.Err(), err))
		}
		tried = append(tried, s.name+": "+err.Error())
	}
	return nil, fmt.Errorf("no Spanner emulator can be had here; tried:\n  %s\n%s", strings.Join(tried, "\n  "), advice(m.goos))
}

// bare strips the schemes that the Spanner client accepts in front of a host.
func bare(host string) string {
	for _, scheme := range []string{"http://", "https://", "passthrough:///"} {
		host = strings.TrimPrefix(host, scheme)
	}
	return host
}

func advice(goos string) string {
	switch goos {
	case "linux":
		return "Get one with `gcloud components install cloud-spanner-emulator` (with Google's apt repository: `apt-get install google-cloud-cli-spanner-emulator`), start Docker, or let this machine fetch " + archiveURL
	case "windows":
		return "There is none for Windows itself: start Docker Desktop, or run this inside WSL"
	default:
		return "Start Docker (Docker Desktop, colima, podman's docker), or set " + HostVariable + " to an emulator on another machine"
	}
}
