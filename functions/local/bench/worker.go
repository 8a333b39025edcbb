package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/BlockRunAI/worker-network/functions/local/bench/workerbench"
)

// worker measures the worker of this repository.
func worker(ctx context.Context, notes io.Writer) ([]figure, error) {
	root, err := repository(ctx)
	if err != nil {
		return nil, err
	}
	return workerbench.Measure(ctx, root, notes)
}

// repository is the folder of this module.
func repository(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}

// The table in docs/worker.md stands between these lines.
const tableStart, tableEnd = "<!-- made by make worker-table -->\n", "<!-- end -->\n"

// workerTable writes the figures into that document.
func workerTable(ctx context.Context, notes io.Writer) error {
	root, err := repository(ctx)
	if err != nil {
		return err
	}
	file := filepath.Join(root, "docs", "worker.md")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), tableStart)
	_, after, ended := strings.Cut(rest, tableEnd)
	if !ok || !ended {
		return fmt.Errorf("%s has no place for the table: %q and %q", file, tableStart, tableEnd)
	}
	figures, err := workerbench.Measure(ctx, root, notes)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(before+tableStart+workerbench.Table(figures)+tableEnd+after), 0o644)
}
