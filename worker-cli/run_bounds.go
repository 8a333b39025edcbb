package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"gopkg.in/natefinch/lumberjack.v2"

	"github.com/BlockRunAI/worker-network/worker-cli/internal/check"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/state"
)

// boundsFlags are what the user does not want, or not so much of, and where
// run writes. A service is given those that hold where it is installed.
type boundsFlags struct {
	Block      []string `placeholder:"HOST" env:"WORKER_BLOCK" help:"Never check this host, nor any below it; also an address or a network such as 192.0.2.0/24. Can be repeated."`
	BlockFile  string   `placeholder:"FILE" type:"path" env:"WORKER_BLOCK_FILE" help:"Hosts that are never checked, one a line; # begins a comment."`
	MaxChecks  int64    `placeholder:"N" env:"WORKER_MAX_CHECKS" help:"At most so many checks in any minute."`
	MaxTraffic size     `placeholder:"SIZE" env:"WORKER_MAX_TRAFFIC" help:"Begin no check in a minute in which so much was moved, such as 500KB or 2MB."`
	LogFile    string   `placeholder:"FILE" type:"path" env:"WORKER_LOG_FILE" help:"Write what happens to this file, too. At 5 MB it is set aside; three such are kept, for a month."`
}

// Rotation of the log file.
const (
	logMegabytes = 5
	logFiles     = 3
	logDays      = 31
)

// size is a number of bytes, as people write it.
type size int64

// UnmarshalText reads digits and B, KB, MB or GB, in steps of 1,000.
func (s *size) UnmarshalText(text []byte) error {
	word := strings.ToUpper(strings.ReplaceAll(string(text), " ", ""))
	unit := int64(1)
	for _, u := range []struct {
		name  string
		bytes int64
	}{{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}} {
		if rest, ok := strings.CutSuffix(word, u.name); ok {
			word, unit = rest, u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return fmt.Errorf("%q is no size; want something like 500KB or 2MB", text)
	}
	*s = size(n * unit)
	return nil
}

func (b boundsFlags) validate() error {
	if b.MaxChecks < 0 {
		return errors.New("--max-checks must not be negative")
	}
	return nil
}

// args are the flags again, as words of a command line.
func (b boundsFlags) args() []string {
	var words []string
	for _, host := range b.Block {
		words = append(words, "--block", host)
	}
	if b.BlockFile != "" {
		words = append(words, "--block-file", b.BlockFile)
	}
	if b.MaxChecks != 0 {
		words = append(words, "--max-checks", strconv.FormatInt(b.MaxChecks, 10))
	}
	if b.MaxTraffic != 0 {
		words = append(words, "--max-traffic", strconv.FormatInt(int64(b.MaxTraffic), 10))
	}
	if b.LogFile != "" {
		words = append(words, "--log-file", b.LogFile)
	}
	return words
}

// blocklist is what is never checked, from the flags and the file.
func (b boundsFlags) blocklist() ([]string, error) {
	list := b.Block
	if b.BlockFile != "" {
		text, err := os.ReadFile(b.BlockFile)
		if err != nil {
			return nil, fmt.Errorf("read the blocklist: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			line, _, _ = strings.Cut(line, "#")
			if line = strings.TrimSpace(line); line != "" {
				list = append(list, line)
			}
		}
	}
	for _, entry := range list {
		if err := check.ParseBlock(entry); err != nil {
			return nil, fmt.Errorf("blocklist: %w", err)
		}
	}
	return list, nil
}

// openLog opens the log file, or returns nil when there is to be none.
func (b boundsFlags) openLog() (io.WriteCloser, error) {
	if b.LogFile == "" {
		return nil, nil
	}
	file := &lumberjack.Logger{Filename: b.LogFile, MaxSize: logMegabytes, MaxBackups: logFiles, MaxAge: logDays}
	if _, err := file.Write(nil); err != nil { // it is opened by the first write
		return nil, fmt.Errorf("--log-file: %w", err)
	}
	return file, nil
}

// claim makes this the wallet's only worker at the API. The directory is nil
// when nothing is to be kept; a machine on which nothing can be is warned of.
func (r runCmd) claim(c console, address string) (dir *state.Dir, release func(), err error) {
	nothing := func() {}
	if r.NoLock {
		return nil, nothing, nil
	}
	root, err := state.Root(c.getenv)
	if err == nil {
		dir, err = state.Open(root, address, r.API)
	}
	if err == nil {
		err = dir.Lock()
	}
	switch {
	case errors.Is(err, state.ErrLocked):
		return nil, nothing, fmt.Errorf("%w; stop it, or run this one beside it with --no-lock", err)
	case err != nil:
		fmt.Fprintf(c.err, "warning: %s; so a second worker is not noticed, and a restart loses what waits to be submitted; name another directory in %s\n", plain(err.Error()), state.EnvDir)
		return nil, nothing, nil
	}
	return dir, dir.Unlock, nil
}
