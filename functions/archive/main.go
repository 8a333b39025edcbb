// Archive writes the source that the functions are deployed from.
//
//	go run ./functions/archive              dist/source.zip
//	go run ./functions/archive -o FILE
//
// It holds what the functions need and nothing else: their packages without
// tests, go.mod and go.sum, and vendor/, so that the cloud's build needs no
// network. The same source and the same Go make the same bytes.
package main

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "archive:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("archive", flag.ContinueOnError)
	flags.SetOutput(stderr)
	out := flags.String("o", filepath.Join("dist", "source.zip"), "the archive to write")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is not understood; try: go run ./functions/archive -o FILE", flags.Arg(0))
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	tree, err := os.MkdirTemp("", "source")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tree)
	if err := Stage(ctx, root, tree); err != nil {
		return err
	}
	return write(tree, *out, stdout)
}

// write zips tree into the file called name, whole or not at all, and says
// what came of it.
func write(tree, name string, stdout io.Writer) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	sum := sha256.New()
	files, err := Zip(io.MultiWriter(f, sum), os.DirFS(tree))
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Chmod(f.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s: %d files, %.1f MB, sha256 %x\n", name, files, float64(info.Size())/1e6, sum.Sum(nil))
	return err
}
