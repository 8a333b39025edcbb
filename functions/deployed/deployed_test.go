package deployed

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// registered are the names in functions.go, each registered as itself.
func registered(t *testing.T) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../../functions.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 2 {
			return true
		}
		name := literal(call.Args[0])
		if handler, ok := call.Args[1].(*ast.CallExpr); !ok || len(handler.Args) != 1 || literal(handler.Args[0]) != name {
			t.Errorf("functions.go registers %s with another's handler", name)
		}
		names = append(names, name)
		return true
	})
	if len(names) < 8 {
		t.Fatalf("functions.go registers %q", names)
	}
	return names
}

func literal(e ast.Expr) string {
	if b, ok := e.(*ast.BasicLit); ok {
		if s, err := strconv.Unquote(b.Value); err == nil {
			return s
		}
	}
	return ""
}

// A build of one function links no other, nor what only others need; a build of
// all links all.
func TestABuildLinksWhatItIsFor(t *testing.T) {
	names := registered(t)
	for _, name := range names {
		if handlers[name] == nil {
			t.Errorf("without tags, %s is not in the build", name)
		}
		linked := deps(t, "-tags=one_function,"+strings.ToLower(name))
		for _, other := range names {
			if linked["github.com/BlockRunAI/worker-network/functions/"+strings.ToLower(other)] != (other == name) {
				t.Errorf("the build of %s: %s is linked: %v", name, other, other != name)
			}
		}
		if !linked["github.com/BlockRunAI/worker-network/functions/internal/schema"] {
			t.Errorf("%s does not look whether the database has all of spanner-ddl: schema.Checked in its wire.go", name)
		}
		// What makes a start slow, and who may have it.
		for path, users := range map[string]string{
			"cloud.google.com/go/storage":                        "Sweep RefreshReputation Reconcile",
			"cloud.google.com/go/pubsub/v2":                      "Sweep SubmitResults ProcessPayout",
			"cloud.google.com/go/kms/apiv1":                      "ProcessPayout",
			"github.com/ethereum/go-ethereum/core/types":         "ProcessPayout Reconcile",
			"github.com/BlockRunAI/worker-network/shared/x402":   "ProcessPayout",
			"github.com/BlockRunAI/worker-network/shared/signer": "ProcessPayout",
		} {
			if linked[path] && !strings.Contains(users, name) {
				t.Errorf("the build of %s links %s", name, path)
			}
		}
	}
	if len(handlers) != len(names) {
		t.Errorf("%d files, functions.go registers %q", len(handlers), names)
	}
}

func deps(t *testing.T, tags string) map[string]bool {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", tags, "-deps", ".").Output()
	if err != nil {
		t.Fatalf("go list %s: %v", tags, err)
	}
	all := map[string]bool{}
	for path := range strings.FieldsSeq(string(out)) {
		all[path] = true
	}
	return all
}

func TestAFunctionThatTheBuildLeavesOut(t *testing.T) {
	w := httptest.NewRecorder()
	Handler("Nobody")(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 503 || !strings.Contains(w.Body.String(), "its log says why") {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
}
