//go:build !unix

package emulator

import (
	"os/exec"
)

// launch runs the program without a supervisor: there is no POSIX shell. Only
// Docker comes here, and after a hard kill its container has to be removed by
// hand (docker rm -f spanner-emulator-...).
func launch(o launchOptions) (*process, error) {
	cmd := exec.Command(o.argv[0], o.argv[1:]...)
	logs, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{lines: make(chan string, 64), ended: make(chan struct{})}
	go p.follow(logs)
	p.stop = func() {
		if o.container != "" {
			_ = exec.Command(o.argv[0], "rm", "-f", o.container).Run()
		}
		_ = cmd.Process.Kill()
		<-p.ended
		_ = cmd.Wait()
	}
	return p, nil
}
