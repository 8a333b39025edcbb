package main

import (
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// The README's table has each command, but for help and version.
func TestEveryCommandIsInReadme(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(readme), "\n| `worker-cli` |")
	table, _, _ = strings.Cut(table, "\n\n")
	parser, err := kong.New(&cli{}, kong.Name("worker-cli"))
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, command := range parser.Model.Children {
		if command.Name == "help" || command.Name == "version" {
			continue
		}
		commands++
		if !strings.Contains(table, "`"+command.Name+"`") && !strings.Contains(table, "`"+command.Name+" ") {
			t.Errorf("the table of commands in README.md has no `%s`", command.Name)
		}
	}
	if !found || commands < 8 {
		t.Errorf("found %d commands, and the table: %v", commands, found)
	}
}

// The help names each variable of the environment that a flag reads; those of
// audit are an auditor's, and in the help of that command.
func TestEveryVariableIsInTheHelp(t *testing.T) {
	parser, err := kong.New(&cli{}, kong.Name("worker-cli"))
	if err != nil {
		t.Fatal(err)
	}
	variables := 0
	for _, command := range parser.Model.Leaves(false) {
		if command.Name == "audit" {
			continue
		}
		for _, group := range command.AllFlags(false) {
			for _, flag := range group {
				for _, name := range flag.Envs {
					variables++
					if !strings.Contains(description, "\n  "+name+" ") {
						t.Errorf("%s: --%s reads %s, which the help does not name", command.Path(), flag.Name, name)
					}
				}
			}
		}
	}
	if variables == 0 {
		t.Error("no flag reads a variable: has the form of the tags changed?")
	}
}
