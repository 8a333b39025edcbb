package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// packages are what the archive is made of, with all that they import: the
// functions, registered by the root package, and what serves them.
var packages = []string{".", "./functions/archive/framework"}

// target is what the cloud's build builds for. Set here, so that the archive
// is the same on whatever system it is made.
var target = []string{"GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=1"}

// Stage copies what the functions of the module in root need into the empty
// directory tree, and vendors the modules that they import.
func Stage(ctx context.Context, root, tree string) error {
	files, err := sources(ctx, root)
	if err != nil {
		return err
	}
	if err := rootFiles(files); err != nil {
		return err
	}
	for _, name := range append(files, "go.mod", "go.sum") {
		if err := copyFile(filepath.Join(tree, name), filepath.Join(root, name)); err != nil {
			return err
		}
	}
	_, err = goCommand(ctx, tree, "mod", "vendor")
	return err
}

// sources are the files of this module that the packages are built from,
// relative to root. Tests are not among them, nor files that a build
// constraint leaves out.
func sources(ctx context.Context, root string) ([]string, error) {
	args := append([]string{"list", "-deps", "-json=Dir,Module,GoFiles,CgoFiles,CFiles,HFiles,SFiles,EmbedFiles"}, packages...)
	out, err := goCommand(ctx, root, args...)
	if err != nil {
		return nil, err
	}
	var files []string
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Dir    string
			Module *struct{ Main bool }

			GoFiles, CgoFiles, CFiles, HFiles, SFiles, EmbedFiles []string
		}
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the answer of go list: %w", err)
		}
		if p.Module == nil || !p.Module.Main {
			continue
		}
		dir, err := filepath.Rel(root, p.Dir)
		if err != nil {
			return nil, err
		}
		for _, name := range slices.Concat(p.GoFiles, p.CgoFiles, p.CFiles, p.HFiles, p.SFiles, p.EmbedFiles) {
			files = append(files, filepath.Join(dir, name))
		}
	}
}

// rootFiles holds the root to one Go file. The build parses every .go file
// there, whatever its build constraints, and takes the imports of all for
// those of the functions.
func rootFiles(files []string) error {
	var found []string
	for _, name := range files {
		if filepath.Dir(name) == "." && strings.HasSuffix(name, ".go") {
			found = append(found, name)
		}
	}
	if len(found) != 1 || found[0] != "functions.go" {
		return fmt.Errorf("the root package is made of %q; move all but functions.go elsewhere, since the build parses every file there", found)
	}
	return nil
}

func moduleRoot(ctx context.Context) (string, error) {
	out, err := goCommand(ctx, ".", "env", "GOMOD")
	if err != nil {
		return "", err
	}
	mod := strings.TrimSpace(string(out))
	if mod == "" || mod == os.DevNull {
		return "", errors.New("there is no go.mod here; run it in the repository: go run ./functions/archive")
	}
	return filepath.Dir(mod), nil
}

// goCommand runs the go command in dir and returns what it prints. The user's
// flags and workspace are left out: they would change what is archived.
func goCommand(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), append(target, "GOFLAGS=", "GOWORK=off")...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return out, nil
}

func copyFile(to, from string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o644)
}
