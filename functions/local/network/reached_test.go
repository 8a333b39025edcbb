package network

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"testing"
)

// Each function that functions.go registers is called by somebody on this
// machine, too: a worker, the scheduler or Pub/Sub; and its settings are looked
// at before the start.
func TestEachFunctionIsReached(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../../functions.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var registered []string
	ast.Inspect(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && len(call.Args) == 2 {
			if name, ok := call.Args[0].(*ast.BasicLit); ok {
				text, _ := strconv.Unquote(name.Value)
				registered = append(registered, text)
			}
		}
		return true
	})
	slices.Sort(registered)

	called := append(slices.Collect(maps.Values(routes)), "ProcessPayout") // by Pub/Sub
	for _, j := range (Options{}).jobs() {
		called = append(called, j.function)
	}
	slices.Sort(called)
	if !slices.Equal(called, registered) {
		t.Errorf("called are %q, registered %q", called, registered)
	}

	var configured []string
	for _, c := range configurations() {
		configured = append(configured, reflect.TypeOf(c).Elem().Name())
	}
	slices.Sort(configured)
	if !slices.Equal(configured, registered) {
		t.Errorf("the settings of %q are looked at, registered are %q", configured, registered)
	}
}
