package terraform_test

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var variableName = regexp.MustCompile("`([A-Z][A-Z0-9_]+)`")

// The table in docs/operating.md has a column for each function and a row for
// each variable, and says who is configured by what, with which default.
func TestOperatingHasEveryVariable(t *testing.T) {
	text := read(t, "../docs/operating.md")
	_, text, _ = strings.Cut(text, "\n| variable |")
	text, _, _ = strings.Cut("| variable |"+text, "\n\n")
	rows := strings.Split(text, "\n")
	functions := cells(rows[0])[2:]
	said := map[string][]string{} // function -> its variables, as the table has them
	defaults := map[string]string{}
	for _, row := range rows[2:] {
		c := cells(row)
		if len(c) != 2+len(functions) {
			t.Fatalf("%d cells, want %d: %s", len(c), 2+len(functions), row)
		}
		for _, m := range variableName.FindAllStringSubmatch(c[0], -1) {
			defaults[m[1]] = c[1]
			for i, function := range functions {
				if c[2+i] == "x" {
					said[function] = append(said[function], m[1])
				}
			}
		}
	}
	for function, target := range configured {
		config := reflect.TypeOf(target()).Elem()
		want := variables(config, "")
		slices.Sort(want)
		slices.Sort(said[function])
		if !slices.Equal(said[function], want) {
			t.Errorf("%s: the table has\n%q, shared/config has\n%q", function, said[function], want)
		}
		for variable, value := range defaultsOf(config) {
			if defaults[variable] != value {
				t.Errorf("%s: the table's default is %q, that of shared/config %q", variable, defaults[variable], value)
			}
		}
	}
	if len(functions) != len(configured) {
		t.Errorf("columns %q for %d functions", functions, len(configured))
	}
}

// What a deployment is told when nobody chooses is what the code would take by
// itself: a default is changed in both, or somebody reads one and gets the other.
func TestTheDefaultsAreTheCodes(t *testing.T) {
	compared := 0
	for function, environment := range contracts(t)["pilot"].Environment {
		for variable, want := range defaultsOf(reflect.TypeOf(configured[function]()).Elem()) {
			got, told := environment[variable]
			if !told || variable == "RECONCILE_FROM_BLOCK" { // chosen, by the test of the plan
				continue
			}
			compared++
			a, errA := time.ParseDuration(got)
			b, errB := time.ParseDuration(want)
			if got != want && (errA != nil || errB != nil || a != b) {
				t.Errorf("%s: Terraform's default for %s is %q, that of shared/config %q", function, variable, got, want)
			}
		}
	}
	if compared < 10 {
		t.Errorf("only %d defaults were compared", compared)
	}
}

func cells(row string) []string {
	c := strings.Split(strings.Trim(row, "|"), "|")
	for i := range c {
		c[i] = strings.TrimSpace(c[i])
	}
	return c
}

// defaultsOf are those that stand in a configuration's tags.
func defaultsOf(t reflect.Type) map[string]string {
	found := map[string]string{}
	for i := range t.NumField() {
		f := t.Field(i)
		if name, options, _ := strings.Cut(f.Tag.Get("env"), ","); name != "" {
			if _, value, ok := strings.Cut(options, "default="); ok {
				found[name] = value
			}
		} else if f.Type.Kind() == reflect.Struct {
			for name, value := range defaultsOf(f.Type) {
				found[name] = value
			}
		}
	}
	return found
}
