package emulator

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const (
	startTimeout  = 30 * time.Second // of a binary; 0.2 s is usual
	dockerTimeout = 5 * time.Minute  // the first run pulls the image
)

// machine is what the search needs to know of where it runs.
type machine struct {
	goos, goarch string
	getenv       func(string) string
	lookPath     func(string) (string, error)
	cacheDir     func() (string, error)
	download     *http.Client
	archiveURL   string
	reach        func(ctx context.Context, host string) error
	launch       func(launchOptions) (*process, error)
}

func realMachine() machine {
	return machine{
		goos: runtime.GOOS, goarch: runtime.GOARCH,
		getenv: os.Getenv, lookPath: exec.LookPath, cacheDir: os.UserCacheDir,
		download: http.DefaultClient, archiveURL: archiveURL,
		reach: reach, launch: launch,
	}
}

// besideGcloud runs the component cloud-spanner-emulator of the SDK that the
// gcloud on PATH belongs to. PATH often holds a link to it.
func (m machine) besideGcloud(ctx context.Context, _ Options) (*Emulator, error) {
	gcloud, err := m.lookPath("gcloud")
	if err != nil {
		return nil, absent("gcloud is not on PATH")
	}
	if gcloud, err = filepath.EvalSymlinks(gcloud); err != nil {
		return nil, err
	}
	binary := filepath.Join(filepath.Dir(gcloud), "cloud_spanner_emulator", "emulator_main")
	if _, err := os.Stat(binary); err != nil {
		return nil, absent("the component cloud-spanner-emulator is not installed: no " + binary)
	}
	return m.runBinary(ctx, binary, "beside gcloud")
}

// runBinary runs emulator_main on a port of its own choice, which it prints.
func (m machine) runBinary(ctx context.Context, binary, from string) (*Emulator, error) {
	p, err := m.launch(launchOptions{argv: []string{binary, "--host_port", "127.0.0.1:0"}})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	host, err := p.waitFor(ctx, "Server address: ")
	if err == nil {
		err = m.reach(ctx, host)
	}
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("%s: %w", binary, err)
	}
	return &Emulator{Host: host, How: "Spanner emulator at " + host + ", started " + from + " (" + binary + ")", stop: p.stop, ended: p.ended}, nil
}

const dockerImage = "gcr.io/cloud-spanner-emulator/emulator:" + version

// inDocker runs the official image on a free port of the loopback interface.
func (m machine) inDocker(ctx context.Context, o Options) (*Emulator, error) {
	docker, err := m.lookPath("docker")
	if err != nil {
		return nil, absent("docker is not on PATH")
	}
	ctx, cancel := context.WithTimeout(ctx, dockerTimeout)
	defer cancel()
	if err := dockerAnswers(ctx, docker); err != nil {
		return nil, err
	}
	if _, err := output(ctx, docker, "image", "inspect", "--format", "{{.Id}}", dockerImage); err != nil {
		o.Notice("Spanner emulator: pulling " + dockerImage + ", once")
		if _, err := output(ctx, docker, "pull", "--quiet", dockerImage); err != nil {
			return nil, err
		}
	}
	name := fmt.Sprintf("spanner-emulator-%d-%x", os.Getpid(), time.Now().UnixNano())
	p, err := m.launch(launchOptions{
		argv:      []string{docker, "run", "--rm", "--name", name, "--publish", "127.0.0.1::9010", dockerImage},
		container: name,
	})
	if err != nil {
		return nil, fmt.Errorf("start docker: %w", err)
	}
	host, err := m.dockerPort(ctx, docker, name, p)
	if err == nil {
		err = m.reach(ctx, host)
	}
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("%s: %w", dockerImage, err)
	}
	return &Emulator{Host: host, How: "Spanner emulator at " + host + ", started in Docker (" + dockerImage + ")", stop: p.stop, ended: p.ended}, nil
}

func dockerAnswers(ctx context.Context, docker string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := output(ctx, docker, "version", "--format", "{{.Server.Version}}")
	return err
}

// dockerPort asks until the container is up, which port Docker chose for it.
func (m machine) dockerPort(ctx context.Context, docker, name string, p *process) (string, error) {
	for {
		out, err := output(ctx, docker, "port", name, "9010/tcp")
		if first, _, _ := strings.Cut(out, "\n"); err == nil && first != "" {
			return first, nil
		}
		select {
		case <-p.ended:
			return "", p.failure()
		case <-ctx.Done():
			return "", fmt.Errorf("the container did not come up: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// output runs a command that is soon done. Its error is what it printed.
func output(ctx context.Context, name string, args ...string) (string, error) {
	var errs strings.Builder
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		if said := strings.TrimSpace(errs.String()); said != "" {
			first, _, _ := strings.Cut(said, "\n")
			return "", fmt.Errorf("%s %s: %s", filepath.Base(name), args[0], first)
		}
		return "", fmt.Errorf("%s %s: %w", filepath.Base(name), args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}
