package main

import "testing"

func TestCommandName(t *testing.T) {
	for _, c := range []struct{ arg, env, want string }{
		{"worker-cli", "", "worker-cli"},
		{"./worker-cli", "", "./worker-cli"},
		{"/usr/local/bin/worker-cli", "", "/usr/local/bin/worker-cli"},
		{`worker-cli.exe`, "", "worker-cli"},
		{"/tmp/go-build1234/b001/exe/worker-cli", "", "go run ./worker-cli"},
		{"/home/me/.cache/go-build/ab/exe/worker-cli", "", "go run ./worker-cli"},
		{"/home/me/go-build/worker-cli", "", "/home/me/go-build/worker-cli"},
		{"/x/node_modules/.bin/worker-cli", "npx @blockrun/worker", "npx @blockrun/worker"},
		{"", "", "worker-cli"},
	} {
		if got := commandName([]string{c.arg}, func(string) string { return c.env }); got != c.want {
			t.Errorf("%q, %q: %q, want %q", c.arg, c.env, got, c.want)
		}
	}
	if got := commandName(nil, func(string) string { return "" }); got != "worker-cli" {
		t.Error(got)
	}
}

// What is typed is put in where a command follows, and nowhere else.
func TestTyped(t *testing.T) {
	const text = "make one with: worker-cli wallet new --wallet x; see worker-cli --help, or worker-cli.log"
	for command, want := range map[string]string{
		"":                    text,
		"worker-cli":          text,
		"go run ./worker-cli": "make one with: go run ./worker-cli wallet new --wallet x; see go run ./worker-cli --help, or worker-cli.log",
		"a$1b":                "make one with: a$1b wallet new --wallet x; see a$1b --help, or worker-cli.log",
	} {
		if got := (console{command: command}).typed(text); got != want {
			t.Errorf("%q: %q", command, got)
		}
	}
}
