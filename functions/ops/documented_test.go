package main

import (
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// docs/operating.md has each command.
func TestEveryCommandIsInOperating(t *testing.T) {
	text, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "\n| command |")
	table, _, _ = strings.Cut(table, "\n\n")
	parser, err := kong.New(&cli{})
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, leaf := range parser.Model.Leaves(true) {
		commands++
		name := strings.TrimPrefix(leaf.Path(), "ops.test ")
		if !strings.Contains(table, "`"+name+"`") && !strings.Contains(table, "`"+name+" ") {
			t.Errorf("the table of commands in docs/operating.md has no `%s`", name)
		}
	}
	if !found || commands < 10 {
		t.Errorf("found %d commands, and the table: %v", commands, found)
	}
}
