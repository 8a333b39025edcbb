package service

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode/utf16"
)

// ErrNone: the service is not installed.
var ErrNone = errors.New("the service is not installed")

// marker stands in every file that New plans: nothing else is overwritten or removed.
const marker = "worker-cli service uninstall"

// Install writes the plan's file and has the system start it, now and from now
// on. Doing it again replaces the file and starts the worker anew.
func (p Plan) Install(ctx context.Context) error {
	if err := p.ours(); err != nil && !errors.Is(err, ErrNone) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(p.File), 0o755); err != nil {
		return fmt.Errorf("make the folder of the service's file: %w", err)
	}
	if err := os.WriteFile(p.File, p.bytes(), 0o644); err != nil {
		return fmt.Errorf("write the service's file: %w", err)
	}
	for _, words := range p.Before {
		_, _ = command(ctx, words) // there may be nothing to do
	}
	return all(ctx, p.Commands)
}

// Uninstall stops the service and removes its file. ErrNone when there is none.
func (p Plan) Uninstall(ctx context.Context) error {
	if err := p.ours(); err != nil {
		return err
	}
	var last error // the file goes in any case; what it was started by may be gone
	for _, words := range p.Removal {
		_, last = command(ctx, words)
	}
	if err := os.Remove(p.File); err != nil {
		return fmt.Errorf("remove the service's file: %w", err)
	}
	if last != nil {
		return fmt.Errorf("the file is removed, but: %w", last)
	}
	return all(ctx, p.After)
}

// IsRunning asks the system. ErrNone when the service is not installed.
func (p Plan) IsRunning(ctx context.Context) (bool, error) {
	if err := p.ours(); err != nil {
		return false, err
	}
	out, err := command(ctx, p.State)
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		return false, err
	}
	for line := range strings.Lines(out) {
		if strings.TrimSpace(line) == p.Running {
			return true, nil
		}
	}
	return false, nil // the system knows it, and says something else; or does not know it
}

// ours is nil when the file was written by Install, and ErrNone when there is none.
func (p Plan) ours() error {
	text, err := os.ReadFile(p.File)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w: there is no %s", ErrNone, p.File)
	case err != nil:
		return fmt.Errorf("read the service's file: %w", err)
	case !bytes.Contains(bytes.ReplaceAll(text, []byte{0}, nil), []byte(marker)):
		return fmt.Errorf("%s was not written by this program, and is left as it is; move it away first", p.File)
	}
	return nil
}

// bytes is the file's content.
func (p Plan) bytes() []byte {
	if p.System != Windows {
		return []byte(p.Text)
	}
	out := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(strings.ReplaceAll(p.Text, "\n", "\r\n"))) {
		out = binary.LittleEndian.AppendUint16(out, unit)
	}
	return out
}

func all(ctx context.Context, commands [][]string) error {
	for _, words := range commands {
		if _, err := command(ctx, words); err != nil {
			return err
		}
	}
	return nil
}

// command runs one and returns what it printed.
func command(ctx context.Context, words []string) (string, error) {
	out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w: %s", strings.Join(words, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}
