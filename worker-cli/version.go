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

// build is what the Go tool wrote into the binary.
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
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Commit = s.Value
		}
	}
	return b
}
