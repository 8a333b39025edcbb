//go:build unix

package emulator

import (
	"os"
	"os/exec"
	"syscall"
	"time"
)

// supervisor runs "$@" and kills it when its own standard input ends. The
// other end of that pipe is held by this process alone, so that the kernel
// closes it even when this process is killed with SIGKILL. File 3 is the
// program's stderr; the shell itself lets go of it, so that its end tells that
// the program ended. The emulator keeps nothing on disk: it needs no warning.
const supervisor = `
container=$1; shift
"$@" </dev/null >/dev/null 2>&3 3>&- &
child=$!
exec 3>&-
trap '' HUP INT TERM
read -r _
[ -z "$container" ] || "$1" rm -f "$container" >/dev/null 2>&1
kill -KILL "$child" 2>/dev/null
wait "$child" 2>/dev/null
`

// stopTimeout is for the supervisor; removing a container may take seconds.
const stopTimeout = 20 * time.Second

func launch(o launchOptions) (*process, error) {
	logs, logsW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer logsW.Close()
	cmd := exec.Command("/bin/sh", append([]string{"-c", supervisor, "sh", o.container}, o.argv...)...)
	// A group of its own: Ctrl-C reaches this process, which then ends things in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.ExtraFiles = []*os.File{logsW}
	life, err := cmd.StdinPipe()
	if err != nil {
		logs.Close()
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		logs.Close()
		return nil, err
	}
	p := &process{lines: make(chan string, 64), ended: make(chan struct{}), group: cmd.Process.Pid}
	go p.follow(logs)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait()
	}()
	p.stop = func() {
		life.Close()
		select {
		case <-done:
		case <-time.After(stopTimeout):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-done
		}
	}
	return p, nil
}
