package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSourcesAreTheFunctionsAlone(t *testing.T) {
	root, err := moduleRoot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files, err := sources(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"functions.go", "functions/gettasks/handler.go", "functions/archive/framework/framework.go", "shared/config/config.go"} {
		if !slices.Contains(files, filepath.FromSlash(want)) {
			t.Errorf("%s is missing", want)
		}
	}
	for _, name := range files {
		slash := filepath.ToSlash(name)
		for _, not := range []string{"_test.go", "/testdata/", "functions/local/", "shared/localcloud/", "worker-cli/", "functions/archive/main.go"} {
			if strings.Contains(slash, not) {
				t.Errorf("%s has no place in the archive", name)
			}
		}
	}
	if err := rootFiles(files); err != nil {
		t.Error(err)
	}
}

func TestTheRootHasOneFile(t *testing.T) {
	for _, files := range [][]string{
		nil,
		{"functions.go", "more.go"},
		{"other.go", filepath.Join("functions", "functions.go")},
	} {
		if err := rootFiles(files); err == nil {
			t.Errorf("%q was accepted", files)
		}
	}
	if err := rootFiles([]string{"functions.go", "go.mod", filepath.Join("shared", "x.go")}); err != nil {
		t.Error(err)
	}
}
