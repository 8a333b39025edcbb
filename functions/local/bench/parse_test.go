package main

import (
	"io"
	"testing"
)

// The two readers see the same lines, and the figure comes out.
func TestParseSpeedup(t *testing.T) {
	figures, err := parseSpeedup(1)(t.Context(), io.Discard)
	if err != nil || len(figures) != 1 || figures[0].Value <= 1 || figures[0].Min != minSpeedup {
		t.Errorf("figures %+v, %v", figures, err)
	}
	if _, err := parseSpeedup(0)(t.Context(), io.Discard); err == nil {
		t.Error("no megabytes give a figure")
	}
	if _, err := readSlowly([]byte("{}\n"), 2); err == nil {
		t.Error("a missing line is not noticed")
	}
}
