package terraform_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"go.yaml.in/yaml/v3"
)

type event struct {
	Function string
	Message  string
	Field    string
	Above    *float64
	Says     string
	By       string
	Title    string
	Alert    *struct{ Severity, Text, Runbook string }
}

func events(t *testing.T) map[string]event {
	t.Helper()
	f, err := os.Open("log_events.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dec := yaml.NewDecoder(f)
	dec.KnownFields(true)
	var all map[string]event
	if err := dec.Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

// What is counted and alerted on is what the code logs: a line that is reworded
// would be missed in silence.
func TestTheCodeLogsTheseLines(t *testing.T) {
	for name, e := range events(t) {
		folders := []string{"../functions/internal/web", "../functions/internal/schema", "../functions/internal/purse"}
		if e.Function != "" {
			folders = append(folders, "../functions/"+strings.ToLower(e.Function))
		}
		words := spoken(t, folders)
		if !slices.Contains(words, e.Message) {
			t.Errorf("%s: nothing in %q says %q", name, folders, e.Message)
		}
		if slices.Contains(debugged(t, folders), e.Message) {
			t.Errorf("%s: %q is a line of DEBUG, which a deployment does not write", name, e.Message)
		}
		for _, field := range append(strings.Split(e.Field, "."), e.By) {
			if field != "" && !slices.Contains(words, field) {
				t.Errorf("%s: nothing in %q has the field %q", name, folders, field)
			}
		}
		if e.Says != "" && !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(w, e.Says) }) {
			t.Errorf("%s: nothing in %q gives %q as its %s", name, folders, e.Says, e.Field)
		}
		switch {
		case e.Title == "":
			t.Errorf("%s has no title", name)
		case (e.Above != nil || e.Says != "") && e.Field == "", e.Above != nil && e.Says != "":
			t.Errorf("%s: above and says need a field, each its own: %+v", name, e)
		case e.By != "" && (e.Field == "" || e.Above != nil || e.Says != ""):
			t.Errorf("%s: only a field's values are kept apart by another: %+v", name, e)
		case e.Alert != nil && (!slices.Contains([]string{"CRITICAL", "ERROR", "WARNING"}, e.Alert.Severity) || e.Alert.Text == ""):
			t.Errorf("%s: the alert needs a severity and says what to do: %+v", name, *e.Alert)
		}
	}
}

var (
	heading = regexp.MustCompile(`(?m)^## (.+)$`)
	pointer = regexp.MustCompile(`local\.runbook\}([a-z-]+)"|\brunbook +(?:=|:) "?([a-z-]+)"?\n|\brunbook: ([a-z-]+)`)
	policy  = regexp.MustCompile(`resource "google_monitoring_alert_policy"`)
	points  = regexp.MustCompile(`content = "[^\n]*\$\{local\.runbook\}`)
)

// Every alert points to its part of the runbook, which is there.
func TestEveryAlertHasItsPartOfTheRunbook(t *testing.T) {
	anchors := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(read(t, "../docs/runbook.md"), -1) {
		anchors[anchor(h[1])] = true
	}
	monitoring := read(t, "monitoring.tf") + read(t, "audit.tf")
	kinds := 0
	for _, b := range blocks(t) {
		if strings.HasPrefix(b.name(), "google_monitoring_alert_policy.") {
			kinds++
		}
	}
	if alerts, pointing := len(policy.FindAllString(monitoring, -1)), len(points.FindAllString(monitoring, -1)); alerts != pointing || alerts != kinds || alerts < 5 {
		t.Errorf("%d of %d kinds of alerts (%d in all files) point to the runbook", pointing, alerts, kinds)
	}
	found := 0
	for _, m := range pointer.FindAllStringSubmatch(monitoring+read(t, "log_events.yaml"), -1) {
		found++
		if name := m[1] + m[2] + m[3]; !anchors[name] {
			t.Errorf("the runbook has no part %q", name)
		}
	}
	for name, e := range events(t) {
		if e.Alert != nil && !anchors[e.Alert.Runbook] {
			t.Errorf("%s: the runbook has no part %q", name, e.Alert.Runbook)
		}
	}
	if found < 15 {
		t.Errorf("only %d pointers were found", found)
	}
}

// anchor is the name that a heading has on GitHub.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// spoken are the string literals of the folders' Go files, tests left out, and
// the names under which their structs' fields stand in JSON.
func spoken(t *testing.T, folders []string) []string {
	t.Helper()
	var words []string
	for _, folder := range folders {
		files, err := filepath.Glob(folder + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %q, %v", folder, files, err)
		}
		for _, name := range files {
			if !strings.HasSuffix(name, "_test.go") {
				words = append(words, literals(t, name)...)
			}
		}
	}
	return words
}

var debugLine = regexp.MustCompile(`\bDebug(?:Context)?\([^"]*"([^"]+)"`)

// debugged are the messages of the folders' lines of DEBUG.
func debugged(t *testing.T, folders []string) []string {
	t.Helper()
	var messages []string
	for _, folder := range folders {
		files, err := filepath.Glob(folder + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			for _, m := range debugLine.FindAllStringSubmatch(read(t, name), -1) {
				messages = append(messages, m[1])
			}
		}
	}
	return messages
}

func literals(t *testing.T, name string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	ast.Inspect(f, func(n ast.Node) bool {
		literal, ok := n.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return true
		}
		s, _ := strconv.Unquote(literal.Value)
		tag, _, _ := strings.Cut(reflect.StructTag(s).Get("json"), ",")
		words = append(words, s, tag)
		return true
	})
	return words
}
