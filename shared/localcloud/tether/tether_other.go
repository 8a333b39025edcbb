//go:build !unix

package tether

import "os/exec"

// command runs the program without a supervisor: there is no POSIX shell.
// After a hard kill of this process the program goes on.
func command(p Program) *exec.Cmd { return exec.Command(p.Path, p.Args...) }

// Stop kills the program and waits for its end.
func (t *Process) Stop() {
	t.once.Do(func() {
		t.life.Close()
		_ = t.cmd.Process.Kill()
		<-t.done
	})
}
