package main

import (
	"path/filepath"
	"regexp"
	"strings"
)

// envCommand is how whoever starts the worker for its user, such as npx, says
// what that user types.
const envCommand = "BLOCKRUN_WORKER_COMMAND"

// commandName is what the user typed to start this program, so that what it
// tells them to type next works.
func commandName(args []string, getenv func(string) string) string {
	if name := getenv(envCommand); name != "" {
		return name
	}
	if len(args) == 0 || args[0] == "" {
		return "worker-cli"
	}
	name := strings.TrimSuffix(args[0], ".exe")
	if strings.Contains(name, "go-build") && filepath.Base(filepath.Dir(name)) == "exe" {
		return "go run ./worker-cli" // which builds it there
	}
	return name
}

// commands are the program's name where a command, or its help, follows.
var commands = regexp.MustCompile(`\bworker-cli( (?:run|status|earnings|doctor|service|audit|wallet|completion|version|help|--help)\b)`)

// typed puts in what the user types for worker-cli.
func (c console) typed(text string) string {
	if c.command == "" || c.command == "worker-cli" {
		return text
	}
	return commands.ReplaceAllString(text, strings.ReplaceAll(c.command, "$", "$$")+"$1")
}
