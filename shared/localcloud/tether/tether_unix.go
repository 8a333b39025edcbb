//go:build unix

package tether

import (
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// supervisor runs all of "$@" but the first, and ends it when its own standard input ends: the
// other end of that pipe is held by this process alone, so the kernel closes
// it even after SIGKILL. Then "$1" undoes, and the program is asked (TERM) and at
// last killed. When the program ends by itself, the supervisor ends with its status.
const supervisor = `
trap '' HUP INT TERM
undo=$1; shift
exec 3<&0
(trap - HUP INT TERM; exec "$@") </dev/null 3<&- &
child=$!
(
  read -r _ <&3
  eval "$undo"
  kill -TERM "$child" 2>/dev/null || exit
  i=0
  while [ $i -lt 30 ] && kill -0 "$child" 2>/dev/null; do sleep 0.1; i=$((i+1)); done
  kill -KILL "$child" 2>/dev/null
) >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait "$child"
status=$?
kill -KILL "$watcher" 2>/dev/null
exit $status
`

// stopTimeout is for the supervisor; to remove a container may take seconds.
const stopTimeout = 20 * time.Second

func command(p Program) *exec.Cmd {
	cmd := exec.Command("/bin/sh", append([]string{"-c", supervisor, "sh", quote(p.Undo), p.Path}, p.Args...)...)
	// A group of its own: Ctrl-C reaches this process, which then ends things in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// quote writes a command as the shell reads it; no command is nothing to do.
func quote(command []string) string {
	var b strings.Builder
	for _, word := range command {
		b.WriteString(" '" + strings.ReplaceAll(word, "'", `'\''`) + "'")
	}
	return b.String()
}

// Stop runs Undo, asks the program to end (SIGTERM), kills it when it has not after three
// seconds, and waits for its end.
func (t *Process) Stop() {
	t.once.Do(func() {
		t.life.Close()
		select {
		case <-t.done:
		case <-time.After(stopTimeout):
			_ = syscall.Kill(-t.cmd.Process.Pid, syscall.SIGKILL)
			<-t.done
		}
	})
}
