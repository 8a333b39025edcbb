// Package release builds the worker as .goreleaser.yaml says, for the tests
// that hold what is promised of it, and for the figures. The releases
// themselves are goreleaser's.
package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Config is .goreleaser.yaml, as far as it is used: every field that is
// documented for goreleaser 2 and not among these is a mistake here.
type Config struct {
	Version     int
	ProjectName string `yaml:"project_name"`
	Builds      []Build
	Archives    []struct {
		ID              string
		IDs             []string `yaml:"ids"`
		Formats         []string
		NameTemplate    string `yaml:"name_template"`
		FormatOverrides []struct {
			Goos    string
			Formats []string
		} `yaml:"format_overrides"`
		Files []struct {
			Src  string
			Info info
		}
		BuildsInfo info `yaml:"builds_info"`
	}
	Checksum struct {
		NameTemplate string `yaml:"name_template"`
		Algorithm    string
	}
	Snapshot struct {
		VersionTemplate string `yaml:"version_template"`
	}
	Changelog struct {
		Use     string
		Filters struct{ Include []string }
	}
	Release struct {
		GitHub struct{ Owner, Name string } `yaml:"github"`
		Draft  bool
	}
}

type info struct {
	Mtime string
	Mode  uint32
}

// Build is one program, for every pair of a system and an architecture.
type Build struct {
	ID, Main, Binary string
	Env              []string
	Goos, Goarch     []string
	Goamd64, Goarm64 []string
	Flags, Ldflags   []string
	ModTimestamp     string `yaml:"mod_timestamp"`
}

// Target is a system and an architecture: linux/arm64.
type Target struct{ OS, Arch string }

func (t Target) String() string { return t.OS + "/" + t.Arch }

// Load reads the configuration in the repository's folder.
func Load(dir string) (Config, error) {
	text, err := os.ReadFile(filepath.Join(dir, ".goreleaser.yaml"))
	if err != nil {
		return Config{}, err
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	var c Config
	if err := d.Decode(&c); err != nil {
		return Config{}, fmt.Errorf(".goreleaser.yaml: %w", err)
	}
	if len(c.Builds) != 1 {
		return Config{}, errors.New(".goreleaser.yaml: there is one program, the worker")
	}
	return c, nil
}

// Targets are what the worker is built for.
func (c Config) Targets() []Target {
	var list []Target
	for _, system := range c.Builds[0].Goos {
		for _, arch := range c.Builds[0].Goarch {
			list = append(list, Target{system, arch})
		}
	}
	return list
}

// Stamp is what a release says of itself.
type Stamp struct{ Version, Commit string }

// Make builds the worker of the repository in dir, as file.
func (c Config) Make(ctx context.Context, dir, file string, t Target, s Stamp) error {
	b := c.Builds[0]
	ldflags := strings.NewReplacer("{{ .Version }}", s.Version, "{{ .FullCommit }}", s.Commit).Replace(strings.Join(b.Ldflags, " "))
	args := append(append([]string{"build"}, b.Flags...), "-ldflags", ldflags, "-o", file, b.Main)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), b.Env...), "GOOS="+t.OS, "GOARCH="+t.Arch, "GOAMD64="+b.Goamd64[0], "GOARM64="+b.Goarm64[0])
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the worker for %s: %w\n%s", t, err, bytes.TrimSpace(out))
	}
	return nil
}
