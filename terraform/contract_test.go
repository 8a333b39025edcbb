package terraform_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/config"
)

// configured are the functions' configurations.
var configured = map[string]func() interface{ Validate() error }{
	"GetTasks":          func() interface{ Validate() error } { return new(config.GetTasks) },
	"SubmitResults":     func() interface{ Validate() error } { return new(config.SubmitResults) },
	"WorkerStatus":      func() interface{ Validate() error } { return new(config.WorkerStatus) },
	"LinkWallet":        func() interface{ Validate() error } { return new(config.LinkWallet) },
	"ProcessPayout":     func() interface{ Validate() error } { return new(config.ProcessPayout) },
	"Reconcile":         func() interface{ Validate() error } { return new(config.Reconcile) },
	"Sweep":             func() interface{ Validate() error } { return new(config.Sweep) },
	"RefreshReputation": func() interface{ Validate() error } { return new(config.RefreshReputation) },
}

// contract is what Terraform's own tests hold a plan to.
type contract struct {
	Environment map[string]map[string]string // function -> variable -> value
	Routes      map[string]string            // path -> function
}

func contracts(t *testing.T) map[string]contract {
	t.Helper()
	all := map[string]contract{}
	for _, name := range []string{"pilot", "mainnet"} {
		text, err := os.ReadFile("tests/contract/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var c contract
		if err := json.Unmarshal(text, &c); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = c
	}
	return all
}

// What Terraform tells each function is all that it needs, and nothing that it
// does not know.
func TestFunctionsAreConfigured(t *testing.T) {
	for name, c := range contracts(t) {
		for function, environment := range c.Environment {
			target, ok := configured[function]
			if !ok {
				t.Errorf("%s: what is %s configured by? add it to this test", name, function)
				continue
			}
			lookup := func(variable string) (string, bool) {
				value, ok := environment[variable]
				return value, ok
			}
			if err := config.Load(t.Context(), lookup, target()); err != nil {
				t.Errorf("%s: %s would not start: %v", name, function, err)
			}
			known := append(variables(reflect.TypeOf(target()).Elem(), ""), traceVariable)
			for variable := range environment {
				if !slices.Contains(known, variable) {
					t.Errorf("%s: %s does not know %s", name, function, variable)
				}
			}
		}
	}
}

// variables are the names in a configuration's tags.
func variables(t reflect.Type, prefix string) []string {
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("env"), ",")
		if name != "" {
			names = append(names, prefix+name)
			continue
		}
		if f.Type.Kind() == reflect.Struct {
			_, inner, _ := strings.Cut(options, "prefix=")
			names = append(names, variables(f.Type, prefix+inner)...)
		}
	}
	return names
}

// Keys are ProcessPayout's alone.
func TestKeysAreProcessPayouts(t *testing.T) {
	for name, c := range contracts(t) {
		keys := 0
		for function, environment := range c.Environment {
			for variable, value := range environment {
				if !strings.Contains(variable, "KEY") || variable == "CDP_API_KEY_ID" {
					continue
				}
				keys++
				if function != "ProcessPayout" {
					t.Errorf("%s: %s has %s", name, function, variable)
				}
				if !strings.HasPrefix(value, "secret ") && variable != "TREASURY_KMS_KEY" {
					t.Errorf("%s: %s is no secret", name, variable)
				}
			}
		}
		if keys < 2 {
			t.Errorf("%s: ProcessPayout has %d keys", name, keys)
		}
	}
}

// Each function that is registered is deployed, under its name.
func TestRegisteredFunctionsAreDeployed(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "../functions.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var registered []string
	ast.Inspect(f, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && len(call.Args) == 2 {
			if literal, ok := call.Args[0].(*ast.BasicLit); ok {
				name, _ := strconv.Unquote(literal.Value)
				registered = append(registered, name)
			}
		}
		return true
	})
	slices.Sort(registered)
	for name, c := range contracts(t) {
		if deployed := slices.Sorted(maps.Keys(c.Environment)); !slices.Equal(deployed, registered) {
			t.Errorf("%s: functions.go registers %q, Terraform deploys %q", name, registered, deployed)
		}
	}
}

// The load balancer has the paths that workers ask for.
func TestRoutes(t *testing.T) {
	want := map[string]string{
		"/api" + api.TasksPath: "GetTasks", "/api" + api.ResultsPath: "SubmitResults", "/api" + api.StatusPath: "WorkerStatus", "/api" + api.LinkPath: "LinkWallet",
	}
	for name, c := range contracts(t) {
		if !maps.Equal(c.Routes, want) {
			t.Errorf("%s: routes %v, want %v", name, c.Routes, want)
		}
	}
}
