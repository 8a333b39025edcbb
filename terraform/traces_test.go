package terraform_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/BlockRunAI/worker-network/shared/telemetry"
)

// traceVariable is read by shared/telemetry, and is in no function's configuration.
const traceVariable = "TRACE_SAMPLE_RATIO"

// Each function is told how many traces it records, in a form that it takes,
// and by default as many as it would by itself.
func TestEachFunctionIsToldHowManyTracesItRecords(t *testing.T) {
	start := func(environment map[string]string) error {
		_, err := telemetry.Start(func(name string) (string, bool) {
			value, ok := environment[name]
			return value, ok
		})
		return err
	}
	for name, c := range contracts(t) {
		for function, environment := range c.Environment {
			cloud := maps.Clone(environment)
			cloud["K_SERVICE"] = strings.ToLower(function) // Cloud Run's
			if err := start(cloud); environment[traceVariable] == "" || err != nil {
				t.Errorf("%s: %s is told %q: %v", name, function, environment[traceVariable], err)
			}
			cloud[traceVariable] = "x"
			if start(cloud) == nil {
				t.Errorf("%s: %s does not read %s", name, function, traceVariable)
			}
		}
	}
	ratio := contracts(t)["pilot"].Environment["GetTasks"][traceVariable]
	for file, says := range map[string]string{
		"../shared/telemetry/start.go": "defaultRatio = " + ratio + "\n",
		"../docs/operating.md":         "how many traces are recorded (" + ratio + ",",
	} {
		if !strings.Contains(read(t, file), says) {
			t.Errorf("%s does not say %q, Terraform's default", file, says)
		}
	}
}
