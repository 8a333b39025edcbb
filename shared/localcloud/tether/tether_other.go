//go:build !unix

package tether

import "os/exec"

// command runs the program without a supervisor: there is no POSIX shell.
// After a hard kill of this process the program goes on.
func command(p Program) *exec.Cmd { return exec.Command(p.Path, p.Args...) }

// Stop runs Undo, kills the program and waits for its end.
func (t *Process) Stop() {
	t.once.Do(func() {
		t.life.Close()
		if len(t.undo) > 0 {
			_ = exec.Command(t.undo[0], t.undo[1:]...).Run()
		}
		_ = t.cmd.Process.Kill()
		<-t.done
	})
}
