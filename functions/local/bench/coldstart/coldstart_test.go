package coldstart_test

import (
	"os"
	"strings"
	"testing"

	"github.com/BlockRunAI/worker-network/functions/local/bench/coldstart"
)

// What is measured is what is deployed.
func TestTheFlagsAreThoseOfTheDeployment(t *testing.T) {
	for _, file := range []string{"../../../../terraform/modules/function/main.tf", "../../../archive/buildpack_test.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), coldstart.Flags+coldstart.OneFunction) {
			t.Errorf("%s builds without %s%s", file, coldstart.Flags, coldstart.OneFunction)
		}
	}
}
