//go:build unix

package emulator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childVariable makes this test binary start an emulator, say what it is, and wait.
const childVariable = "EMULATOR_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		runChild()
		return
	}
	os.Exit(m.Run())
}

func runChild() {
	var group int
	m := realMachine()
	m.launch = func(o launchOptions) (*process, error) {
		p, err := launch(o)
		if err == nil {
			group = p.group
		}
		return p, err
	}
	e, err := m.start(context.Background(), Options{})
	if err != nil {
		fmt.Println("failed", err)
		os.Exit(1)
	}
	fmt.Println(e.Host, group)
	select {}
}

func TestStartCreateStop(t *testing.T) {
	needEmulator(t)
	e, err := Start(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Stop()
	t.Log(e.How)
	if !strings.Contains(e.How, e.Host) || strings.Contains(e.How, "\n") {
		t.Errorf("How is not one line with the host: %q", e.How)
	}
	ddl := []string{"CREATE TABLE T (K INT64 NOT NULL) PRIMARY KEY (K)"}
	begin := time.Now()
	if err := CreateDatabase(t.Context(), e.Host, "p", "i-1", "db-1", ddl); err != nil {
		t.Fatal(err)
	}
	t.Logf("CreateDatabase: %v", time.Since(begin))
	if err := CreateDatabase(t.Context(), e.Host, "p", "i-1", "db-1", ddl); err == nil || !strings.Contains(err.Error(), "AlreadyExists") {
		t.Errorf("second creation: got %v, want AlreadyExists", err)
	}
	if err := CreateDatabase(t.Context(), e.Host, "p", "i-1", "db-2", []string{"CREATE TABEL"}); err == nil {
		t.Error("a broken statement was accepted")
	}
	if err := DropDatabase(t.Context(), e.Host, DatabaseName("p", "i-1", "db-1")); err != nil {
		t.Error(err)
	}
	if err := CreateDatabase(t.Context(), e.Host, "p", "i-1", "db-1", ddl); err != nil {
		t.Errorf("creation after the drop: %v", err)
	}
	e.Stop()
	e.Stop()
	if os.Getenv(HostVariable) == "" && answers(e.Host) {
		t.Error("the emulator still answers after Stop")
	}
}

// A start that is killed hard leaves nothing behind.
func TestNothingOutlivesKill(t *testing.T) {
	needEmulator(t)
	if os.Getenv(HostVariable) != "" {
		t.Skip("the emulator in use was not started here")
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVariable+"=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	var host string
	var group int
	if _, err := fmt.Sscanf(line, "%s %d", &host, &group); err != nil || host == "failed" {
		child.Process.Kill()
		t.Fatalf("the child says %q (%v)", line, err)
	}
	if !answers(host) || !groupLives(group) {
		t.Fatalf("the child's emulator at %s, group %d, is not there", host, group)
	}
	if err := child.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	child.Wait()
	deadline := time.Now().Add(10 * time.Second)
	for answers(host) || groupLives(group) {
		if time.Now().After(deadline) {
			syscall.Kill(-group, syscall.SIGKILL)
			t.Fatalf("10 s after SIGKILL: port open %v, processes left %v", answers(host), groupLives(group))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func needEmulator(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs the Spanner emulator")
	}
}

func answers(host string) bool {
	c, err := net.DialTimeout("tcp", host, time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func groupLives(group int) bool {
	return !errors.Is(syscall.Kill(-group, 0), syscall.ESRCH)
}
