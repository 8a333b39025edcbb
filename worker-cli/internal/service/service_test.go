package service

import (
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"
)

// specs are a plain one, and one with everything that has a meaning of its own
// somewhere.
func specs(system System) map[string]Spec {
	plain := Spec{Program: "/usr/local/bin/worker-cli", Args: []string{"run", "--plain", "--region", "US-West"}, Home: "/home/ada", User: "501"}
	hard := Spec{Program: `/opt/a b/50%/$HOME/"worker".cli`, Args: []string{"run", "--wallet", `/home/ada/<my> & "wallet".key`, "", `back\slash\`}, Home: "/home/ada", User: "501", Config: "/home/ada/.konfig"}
	if system == Windows {
		plain.Program, plain.Home, plain.User = `C:\Tools\worker-cli.exe`, `C:\Users\ada`, `PC\ada`
		hard.Program, hard.Home, hard.User = `C:\Program Files\worker cli.exe`, `C:\Users\ada l`, `R&D\ada`
	}
	return map[string]Spec{"plain": plain, "hard": hard}
}

// What is written and run for each system, whole: what stands in testdata is
// written anew with UPDATE=1.
func TestPlans(t *testing.T) {
	for _, system := range []System{Systemd, Launchd, Windows} {
		for name, spec := range specs(system) {
			p, err := New(system, spec)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			fmt.Fprintf(&b, "%s\n\n%s\nbefore %q\ninstall %q\nuninstall %q\nafter %q\nstate %q\nnotes %q\n", p.File, p.Text, p.Before, p.Commands, p.Removal, p.After, p.State, p.Notes)
			golden(t, fmt.Sprintf("%s-%s.txt", system, name), b.String())
			if system != Systemd {
				wellFormed(t, p)
			}
			if !strings.Contains(p.Text, marker) {
				t.Errorf("%s: the file does not say whose it is", system)
			}
		}
	}
	if _, err := New("upstart", Spec{}); err == nil {
		t.Error("no error")
	}
	for goos, want := range map[string]System{"linux": Systemd, "darwin": Launchd, "windows": Windows, "plan9": ""} {
		if got, err := For(goos); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", goos, got, err)
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") != "" {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(file, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || got != strings.ReplaceAll(string(want), "\r\n", "\n") {
		t.Errorf("%s: %v, got\n%s", file, err, got)
	}
}

func wellFormed(t *testing.T, p Plan) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(p.Text))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("%s: %v in\n%s", p.System, err, p.Text)
		}
	}
}

// fakes puts programs on the PATH that note how they were called, and answer
// with what stands in the file beside the notes: an exit code, and text.
func fakes(t *testing.T) (calls func() string, answers func(program string, code int, text string)) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the fakes are shell scripts")
	}
	dir := t.TempDir()
	log := filepath.Join(dir, "calls")
	for _, name := range []string{"systemctl", "launchctl", "schtasks", "powershell"} {
		script := fmt.Sprintf("#!/bin/sh\necho %s \"$@\" >>%s\n[ -f %s/%s.out ] && cat %[3]s/%[1]s.out\n[ -f %[3]s/%[1]s.code ] && exit $(cat %[3]s/%[1]s.code)\nexit 0\n", name, log, dir, name)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return func() string {
			text, _ := os.ReadFile(log)
			os.Remove(log)
			return string(text)
		}, func(program string, code int, text string) {
			_ = os.WriteFile(filepath.Join(dir, program+".code"), []byte(fmt.Sprint(code)), 0o644)
			_ = os.WriteFile(filepath.Join(dir, program+".out"), []byte(text), 0o644)
		}
}

// Installed, running, installed again, stopped, uninstalled, on each system.
func TestLife(t *testing.T) {
	for _, c := range []struct {
		system            System
		asks              string // the program that tells the state
		running, stopped  string
		installs, removes string // the calls
	}{
		{Systemd, "systemctl", "active\n", "inactive\n",
			"systemctl --user daemon-reload\nsystemctl --user enable blockrun-worker.service\nsystemctl --user restart blockrun-worker.service\n",
			"systemctl --user disable --now blockrun-worker.service\nsystemctl --user daemon-reload\n"},
		{Launchd, "launchctl", "ai.blockrun.worker = {\n\tstate = running\n}\n", "\tstate = not running\n",
			"launchctl bootout gui/501/ai.blockrun.worker\nlaunchctl bootstrap gui/501 FILE\n", "launchctl bootout gui/501/ai.blockrun.worker\n"},
		{Windows, "powershell", "4\r\n", "3\r\n",
			"schtasks /Create /F /TN BlockRun worker /XML FILE\nschtasks /Run /TN BlockRun worker\n", "schtasks /End /TN BlockRun worker\nschtasks /Delete /F /TN BlockRun worker\n"},
	} {
		t.Run(string(c.system), func(t *testing.T) {
			calls, answers := fakes(t)
			p, err := New(c.system, Spec{Program: "/bin/worker-cli", Args: []string{"run"}, Home: t.TempDir(), User: "501"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.IsRunning(t.Context()); !errors.Is(err, ErrNone) {
				t.Errorf("before it is installed: %v", err)
			}
			if err := p.Uninstall(t.Context()); !errors.Is(err, ErrNone) || calls() != "" {
				t.Errorf("uninstall what is not there: %v", err)
			}
			for range 2 { // twice is once
				if err := p.Install(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := strings.ReplaceAll(calls(), p.File, "FILE"); got != c.installs {
					t.Errorf("installing called\n%s", got)
				}
			}
			for out, want := range map[string]bool{c.running: true, c.stopped: false, "": false} {
				answers(c.asks, 0, out)
				if got, err := p.IsRunning(t.Context()); got != want || err != nil {
					t.Errorf("%q is %v, %v", out, got, err)
				}
			}
			answers(c.asks, 3, "not found") // what an answer that is none means
			if got, err := p.IsRunning(t.Context()); got || err != nil {
				t.Errorf("unknown to the system: %v, %v", got, err)
			}
			answers(c.asks, 0, "")
			calls()
			if err := p.Uninstall(t.Context()); err != nil {
				t.Error(err)
			}
			if got := calls(); got != c.removes {
				t.Errorf("uninstalling called\n%s", got)
			}
			if _, err := os.Stat(p.File); !os.IsNotExist(err) {
				t.Errorf("the file is there: %v", err)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	_, answers := fakes(t)
	p, err := New(Systemd, Spec{Program: "/bin/worker-cli", Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	answers("systemctl", 1, "Failed to connect to bus: No medium found")
	if err := p.Install(t.Context()); err == nil || !strings.Contains(err.Error(), "systemctl --user daemon-reload: exit status 1: Failed to connect to bus") {
		t.Errorf("install: %v", err)
	}
	if err := p.Uninstall(t.Context()); err == nil || !strings.Contains(err.Error(), "the file is removed, but") {
		t.Errorf("uninstall: %v", err)
	}
	if _, err := os.Stat(p.File); !os.IsNotExist(err) {
		t.Error("the file is there")
	}
	// What somebody else wrote is neither overwritten nor removed.
	if err := os.WriteFile(p.File, []byte("[Service]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, do := range []error{p.Install(t.Context()), p.Uninstall(t.Context())} {
		if do == nil || !strings.Contains(do.Error(), "left as it is") {
			t.Errorf("a stranger's file: %v", do)
		}
	}
	if text, _ := os.ReadFile(p.File); string(text) != "[Service]\n" {
		t.Errorf("the stranger's file is %q", text)
	}
	t.Setenv("PATH", t.TempDir())
	os.Remove(p.File)
	if err := p.Install(t.Context()); err == nil || !strings.Contains(err.Error(), "executable file not found") {
		t.Errorf("without systemctl: %v", err)
	}
}

// The task scheduler reads UTF-16 with a byte order mark.
func TestWindowsFile(t *testing.T) {
	p, err := New(Windows, specs(Windows)["hard"])
	if err != nil {
		t.Fatal(err)
	}
	raw := p.bytes()
	if raw[0] != 0xff || raw[1] != 0xfe || len(raw)%2 != 0 {
		t.Fatalf("starts with % x", raw[:4])
	}
	var units []uint16
	for i := 2; i < len(raw); i += 2 {
		units = append(units, binary.LittleEndian.Uint16(raw[i:]))
	}
	if got := string(utf16.Decode(units)); got != strings.ReplaceAll(p.Text, "\n", "\r\n") {
		t.Error(got)
	}
}

func TestWords(t *testing.T) {
	for in, want := range map[string]string{
		"run": "run", "": `""`, "a b": `"a b"`, `C:\x\`: `C:\x\`, `C:\a b\`: `"C:\a b\\"`, `say "hi"`: `"say \"hi\""`, `\"`: `"\\\""`,
	} {
		if got := windowsWord(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	if got := systemdWord(`50% of $HOME "\`); got != `"50%% of $$HOME \"\\"` {
		t.Error(got)
	}
}
