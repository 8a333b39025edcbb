package terraform_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/BlockRunAI/worker-network/shared/telemetry"
)

// What the dashboard asks for is what the code counts, and all of it.
func TestTheDashboardShowsWhatIsCounted(t *testing.T) {
	var shown map[string]struct{ Title, Query string }
	if err := yaml.Unmarshal([]byte(read(t, "metrics.yaml")), &shown); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, word := range literals(t, "../shared/telemetry/metrics.go") {
		if strings.HasPrefix(word, "worker_network_") {
			names = append(names, word)
		}
	}
	slices.Sort(names)
	if listed := slices.Sorted(maps.Keys(shown)); !slices.Equal(listed, names) {
		t.Errorf("shown are %q, counted %q", listed, names)
	}
	for name, m := range shown {
		if m.Title == "" || !strings.Contains(m.Query, name) {
			t.Errorf("%s: %+v", name, m)
		}
	}
	if !strings.Contains(read(t, "dashboard.tf"), "metrics.yaml") || !strings.Contains(read(t, "dashboard.tf"), "local.counted)") {
		t.Error("the dashboard does not show metrics.yaml")
	}
	// Adapters do not import shared/telemetry, so this one name stands twice.
	if !slices.Contains(spoken(t, []string{"../shared/spannerdb"}), string(telemetry.SpannerCalls)) {
		t.Errorf("shared/spannerdb does not count %s", telemetry.SpannerCalls)
	}
	for _, name := range names {
		if strings.Contains(read(t, "log_events.yaml"), name) {
			t.Errorf("%s is counted from log lines, too", name)
		}
	}
}
