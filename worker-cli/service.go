package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/service"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/wallet"
)

type serviceCmd struct {
	Install   serviceInstallCmd   `cmd:"" help:"Have the machine run the worker from now on, also after a reboot. Shows what it writes and runs."`
	Uninstall serviceUninstallCmd `cmd:"" help:"Stop it, and remove what install wrote."`
	Status    serviceStatusCmd    `cmd:"" help:"Say whether it is installed and runs; exit code 1 if not."`
}

type serviceInstallCmd struct {
	API    string      `placeholder:"URL" default:"https://blockrun.ai/api" env:"BLOCKRUN_API_BASE" help:"The network's API."`
	Wallet string      `placeholder:"FILE" type:"path" help:"The wallet file, instead of ~/.openclaw/blockrun/wallet.key."`
	Region string      `default:"unknown" env:"WORKER_REGION" help:"Where this machine stands, such as US-West."`
	Bounds boundsFlags `embed:""`

	Program string `placeholder:"FILE" type:"path" help:"What is run, if not this program where it lies now."`
	Print   bool   `help:"Only print what would be written and run."`
	System  string `enum:"systemd,launchd,windows,here" default:"here" help:"With --print: for that kind of system."`
}

type (
	serviceUninstallCmd struct{}
	serviceStatusCmd    struct{}
)

// systemTime is as long as the system may take to start or stop the worker:
// stopping waits for what it submits.
const systemTime = 2 * time.Minute

var errNotRunning = errors.New("the service is installed, but does not run; start it anew with: worker-cli service install")

// Run shows the plan, and carries it out unless it was only to be printed.
func (s serviceInstallCmd) Run(c console) error {
	if !s.Print && s.System != "here" {
		return usageError{errors.New("--system is for --print: a service is installed on the machine that it runs on")}
	}
	spec, err := s.spec(c)
	if err != nil {
		return err
	}
	plan, err := plan(s.System, spec)
	if err != nil {
		return err
	}
	if err := showPlan(c, plan); err != nil || s.Print {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), systemTime)
	defer cancel()
	if err := plan.Install(ctx); err != nil {
		return fmt.Errorf("%w; nothing is lost: try again, or run the worker by hand with worker-cli run", err)
	}
	if c.json {
		return nil
	}
	show := printer{console: c}
	show.say("The worker runs, as %s.", spec.Program)
	for _, note := range plan.Notes {
		show.say("%s", note)
	}
	return nil
}

// spec is what the service has to run: this program, with what was found out
// here said outright, since a service has another environment.
func (s serviceInstallCmd) spec(c console) (service.Spec, error) {
	if _, err := client.New(s.API, "", s.Region, ""); err != nil {
		return service.Spec{}, usageError{err}
	}
	if err := s.Bounds.validate(); err != nil {
		return service.Spec{}, usageError{err}
	}
	if _, err := s.Bounds.blocklist(); err != nil {
		return service.Spec{}, usageError{err}
	}
	w, err := wallet.Find(s.Wallet, c.getenv)
	if err != nil {
		return service.Spec{}, err
	}
	if w.Source == wallet.EnvKey {
		return service.Spec{}, fmt.Errorf("%w: it is in %s, which a service would have to keep in a readable file; put it into a wallet file of its own, or make one with: worker-cli wallet new",
			wallet.ErrNone, wallet.EnvKey)
	}
	spec, err := here(c)
	if err != nil {
		return spec, err
	}
	if spec.Program = s.Program; spec.Program == "" {
		if spec.Program, err = thisProgram(); err != nil {
			return spec, err
		}
	}
	file, err := filepath.Abs(w.Source)
	spec.Args = []string{"run", "--plain", "--api", s.API, "--region", s.Region, "--wallet", file}
	spec.Args = append(spec.Args, s.Bounds.args()...)
	return spec, err
}

// here is what the plan needs to know of this machine's user.
func here(c console) (service.Spec, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return service.Spec{}, fmt.Errorf("find the home directory: %w", err)
	}
	spec := service.Spec{Home: home, Config: c.getenv("XDG_CONFIG_HOME"), User: fmt.Sprint(os.Getuid())}
	if runtime.GOOS == "windows" {
		u, err := user.Current()
		if err != nil {
			return spec, fmt.Errorf("find the user's name: %w", err)
		}
		spec.User = u.Username
	}
	return spec, nil
}

// thisProgram is where this program lies. A place that is cleared now and then
// is no place for a service's.
func thisProgram() (string, error) {
	file, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w; name it with --program", err)
	}
	for _, cleared := range []string{"_npx", "go-build"} {
		for part := range strings.SplitSeq(filepath.ToSlash(file), "/") {
			if strings.HasPrefix(part, cleared) {
				return "", fmt.Errorf("this program lies in %s, which is cleared now and then; install it first (npm install -g), or name a copy with --program", filepath.Dir(file))
			}
		}
	}
	return file, nil
}

func plan(system string, spec service.Spec) (service.Plan, error) {
	if system != "here" {
		return service.New(service.System(system), spec)
	}
	s, err := service.For(runtime.GOOS)
	if err != nil {
		return service.Plan{}, err
	}
	return service.New(s, spec)
}

// planned is a plan in JSON.
type planned struct {
	System   service.System `json:"system"`
	File     string         `json:"file"`
	Text     string         `json:"text"`
	Commands [][]string     `json:"commands"`
	Notes    []string       `json:"notes"`
}

func showPlan(c console, p service.Plan) error {
	if c.json {
		return printJSON(c.out, planned{p.System, p.File, p.Text, append(p.Before, p.Commands...), p.Notes})
	}
	show := printer{console: c}
	show.say("Writes %s:", p.File)
	for line := range strings.Lines(p.Text) {
		show.say("    %s", strings.ReplaceAll(strings.TrimRight(line, "\n"), "\t", "    "))
	}
	show.say("Runs:")
	for _, words := range append(p.Before, p.Commands...) {
		show.say("    %s", strings.Join(words, " "))
	}
	return nil
}

// Run stops and removes the service.
func (serviceUninstallCmd) Run(c console) error {
	p, err := installed(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), systemTime)
	defer cancel()
	if err := p.Uninstall(ctx); err != nil {
		return err
	}
	if c.json {
		return printJSON(c.out, serviceState{System: p.System, File: p.File})
	}
	printer := printer{console: c}
	printer.say("The worker is stopped, and %s removed. The wallet and what it earned stay.", p.File)
	return nil
}

// serviceState is what status says in JSON.
type serviceState struct {
	System    service.System `json:"system"`
	File      string         `json:"file"`
	Installed bool           `json:"installed"`
	Running   bool           `json:"running"`
}

// Run asks the system.
func (serviceStatusCmd) Run(c console) error {
	p, err := installed(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), systemTime)
	defer cancel()
	running, err := p.IsRunning(ctx)
	if c.json && (err == nil || errors.Is(err, service.ErrNone)) {
		if err := printJSON(c.out, serviceState{p.System, p.File, err == nil, running}); err != nil {
			return err
		}
	}
	switch {
	case errors.Is(err, service.ErrNone):
		return fmt.Errorf("%w; install it with: worker-cli service install", err)
	case err != nil:
		return err
	case !running:
		return errNotRunning
	}
	if c.json {
		return nil
	}
	show := printer{console: c}
	show.say("The service runs (%s).", p.File)
	for _, note := range p.Notes {
		show.say("%s", note)
	}
	return nil
}

// installed is the plan as far as what is there already needs it.
func installed(c console) (service.Plan, error) {
	spec, err := here(c)
	if err != nil {
		return service.Plan{}, err
	}
	return plan("here", spec)
}
