// Package service has the worker started by the machine itself, for its user
// and without any rights beyond theirs: a systemd user unit, a launchd agent,
// or a task of the Windows scheduler. What is written and run is planned first
// and can be shown; the plan depends on nothing but its arguments.
package service

import (
	"bytes"
	_ "embed"
	"encoding/xml"
	"fmt"
	"path"
	"slices"
	"strings"
	"text/template"
)

// System is what starts programs on a machine.
type System string

// The systems.
const (
	Systemd System = "systemd"
	Launchd System = "launchd"
	Windows System = "windows" // the task scheduler
)

// For is the system of a GOOS, or an error for one without.
func For(goos string) (System, error) {
	switch goos {
	case "linux":
		return Systemd, nil
	case "darwin":
		return Launchd, nil
	case "windows":
		return Windows, nil
	}
	return "", fmt.Errorf("there is no service for %s; start worker-cli run by what starts programs there", goos)
}

// Names of the service, where each system wants one.
const (
	unit     = "blockrun-worker.service"
	label    = "ai.blockrun.worker"
	taskName = "BlockRun worker"
)

// Spec is what is to run, and for whom.
type Spec struct {
	Program string   // absolute
	Args    []string // from "run" on
	Home    string   // the user's
	Config  string   // systemd: $XDG_CONFIG_HOME, or empty for ~/.config
	User    string   // launchd: the numeric id; Windows: DOMAIN\name
}

// Plan is what a system needs. Commands are words; the first is looked up on
// the PATH.
type Plan struct {
	System   System
	File     string // the one that is written
	Text     string // in it; on Windows as UTF-16
	Before   [][]string
	Commands [][]string // run in this order once the file is there
	Removal  [][]string // before the file is removed
	After    [][]string // once it is removed
	State    []string   // prints whether the service runs
	Running  string     // what State prints then
	Notes    []string   // for the user
}

//go:embed systemd.tmpl
var systemdText string

//go:embed launchd.tmpl
var launchdText string

//go:embed windows.tmpl
var windowsText string

// New plans the service of s on a system.
func New(system System, s Spec) (Plan, error) {
	switch system {
	case Systemd:
		return systemdPlan(s)
	case Launchd:
		return launchdPlan(s)
	case Windows:
		return windowsPlan(s)
	}
	return Plan{}, fmt.Errorf("%q is not systemd, launchd or windows", system)
}

func systemdPlan(s Spec) (Plan, error) {
	text, err := fill(systemdText, s, template.FuncMap{"word": systemdWord})
	config := s.Config
	if config == "" {
		config = path.Join(s.Home, ".config")
	}
	ctl := func(words ...string) []string { return append([]string{"systemctl", "--user"}, words...) }
	return Plan{
		System: Systemd, File: path.Join(config, "systemd", "user", unit), Text: text,
		Commands: [][]string{ctl("daemon-reload"), ctl("enable", unit), ctl("restart", unit)},
		Removal:  [][]string{ctl("disable", "--now", unit)},
		After:    [][]string{ctl("daemon-reload")},
		State:    ctl("is-active", unit), Running: "active",
		Notes: []string{
			"It starts when you log in. To have it from the start of the machine on, and after you log out: loginctl enable-linger",
			"What it does: journalctl --user -u " + unit + " -f",
		},
	}, err
}

func launchdPlan(s Spec) (Plan, error) {
	logs := path.Join(s.Home, "Library", "Logs")
	log := path.Join(logs, "blockrun-worker.log")
	s.Args = append(slices.Clone(s.Args), "--log-file", log)
	text, err := fill(launchdText, struct {
		Spec
		Label, Errors string
	}{s, label, path.Join(logs, "blockrun-worker-errors.log")}, template.FuncMap{"xml": escaped})
	domain := "gui/" + s.User
	file := path.Join(s.Home, "Library", "LaunchAgents", label+".plist")
	return Plan{
		System: Launchd, File: file, Text: text,
		Before:   [][]string{{"launchctl", "bootout", domain + "/" + label}}, // an older one, if there is
		Commands: [][]string{{"launchctl", "bootstrap", domain, file}},
		Removal:  [][]string{{"launchctl", "bootout", domain + "/" + label}},
		State:    []string{"launchctl", "print", domain + "/" + label}, Running: "state = running",
		Notes: []string{
			"It starts when you log in, also after a reboot.",
			"What it does: tail -f ~/Library/Logs/blockrun-worker.log; what keeps it from starting: ~/Library/Logs/blockrun-worker-errors.log",
		},
	}, err
}

func windowsPlan(s Spec) (Plan, error) {
	folder := s.Home + `\AppData\Local\BlockRun\`
	log := folder + "worker.log"
	var line []string
	for _, a := range append(slices.Clone(s.Args), "--log-file", log) {
		line = append(line, windowsWord(a))
	}
	text, err := fill(windowsText, struct {
		Spec
		Line string
	}{s, "--headless " + windowsWord(s.Program) + " " + strings.Join(line, " ")}, template.FuncMap{"xml": escaped})
	file := folder + "worker-task.xml"
	return Plan{
		System: Windows, File: file, Text: text,
		Commands: [][]string{{"schtasks", "/Create", "/F", "/TN", taskName, "/XML", file}, {"schtasks", "/Run", "/TN", taskName}},
		Removal:  [][]string{{"schtasks", "/End", "/TN", taskName}, {"schtasks", "/Delete", "/F", "/TN", taskName}},
		// The state as a number: its name is in the language of the system. 4 is running.
		State: []string{"powershell", "-NoProfile", "-NonInteractive", "-Command",
			"(Get-ScheduledTask -TaskName '" + taskName + "' -ErrorAction Stop).State.value__"},
		Running: "4",
		Notes:   []string{"It starts when you log in, also after a reboot, and shows no window.", "What it does: " + log},
	}, err
}

func fill(text string, data any, funcs template.FuncMap) (string, error) {
	t, err := template.New("service").Funcs(funcs).Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, data)
	return b.String(), err
}

// systemdWord is a word of a command line (systemd.service(5), COMMAND LINES;
// systemd.unit(5), SPECIFIERS).
func systemdWord(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`, `$`, `$$`, "\n", `\n`).Replace(s) + `"`
}

// windowsWord is a word of a command line as C programs and Go's read it:
// backslashes count only before a quotation mark.
func windowsWord(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\"") {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	slashes := 0
	for _, r := range s {
		switch r {
		case '\\':
			slashes++
		case '"':
			b.WriteString(strings.Repeat(`\`, slashes+1)) // theirs once more, and its own
			slashes = 0
		default:
			slashes = 0
		}
		b.WriteRune(r)
	}
	b.WriteString(strings.Repeat(`\`, slashes))
	b.WriteByte('"')
	return b.String()
}

func escaped(s string) (string, error) {
	var b bytes.Buffer
	err := xml.EscapeText(&b, []byte(s))
	return b.String(), err
}
