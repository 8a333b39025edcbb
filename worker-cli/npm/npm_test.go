// Package npm_test runs the tests of the npm packages where there is a node.
package npm_test

import (
	"os/exec"
	"testing"
)

func TestNode(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("left out: there is no node here")
	}
	out, err := exec.CommandContext(t.Context(), node, "--test", "--test-timeout=60000", "test/").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
