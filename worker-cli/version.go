package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCmd struct{}

// Run prints what this binary was made from.
func (versionCmd) Run(c console) error {
	b := readBuild()
	if c.json {
		return printJSON(c.out, b)
	}
	_, err := fmt.Fprintf(c.out, "worker-cli %s (commit %s, %s, %s)\n", b.Version, b.Commit, b.Go, b.Platform)
	return err
}

// Set by the linker (-X main.version=... -X main.commit=...) for a release,
// which is built outside of version control so that everybody can build the
// same bytes.
var version, commit string

// build is what the Go tool wrote into the binary, or the release.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func readBuild() build {
	b := build{Version: "(devel)", Commit: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Commit = s.Value
		}
	}
	if version != "" {
		b.Version = version
	}
	if commit != "" {
		b.Commit = commit
	}
	return b
}
