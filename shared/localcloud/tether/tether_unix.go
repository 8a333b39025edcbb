//go:build unix

package tether

import (
	"os/exec"
	"syscall"
	"time"
)

// supervisor runs "$@", and ends it when its own standard input ends: the
// other end of that pipe is held by this process alone, so the kernel closes
// it even after SIGKILL. The program is asked first (TERM), then killed. When
// the program ends by itself, the supervisor ends with its status.
const supervisor = `
trap '' HUP INT TERM
exec 3<&0
(trap - HUP INT TERM; exec "$@") </dev/null 3<&- &
child=$!
(
  read -r _ <&3
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

func command(p Program) *exec.Cmd {
	cmd := exec.Command("/bin/sh", append([]string{"-c", supervisor, "sh", p.Path}, p.Args...)...)
	// A group of its own: Ctrl-C reaches this process, which then ends things in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// Stop asks the program to end (SIGTERM), kills it when it has not after three
// seconds, and waits for its end.
func (t *Process) Stop() {
	t.once.Do(func() {
		t.life.Close()
		select {
		case <-t.done:
		case <-time.After(10 * time.Second):
			_ = syscall.Kill(-t.cmd.Process.Pid, syscall.SIGKILL)
			<-t.done
		}
	})
}
