package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
)

const framework = "github.com/GoogleCloudPlatform/functions-framework-go"

// tags are those of a deployment, where a function's name follows
// (terraform/modules/function).
const tags = "-tags=disable_grpc_modules,grpcnotrace,one_function,"

// The archive is built as the Go buildpack builds it (buildpacks,
// cmd/go/functions_framework, for modules with vendor/): the package in the
// root is read, a main that imports it is written under functions.local/app,
// and go build is all that is run, without a network: once for each function, as
// each is deployed, and once for all. Then each is started as the cloud starts it.
func TestTheBuildpackBuildsAndStartsEachFunction(t *testing.T) {
	if testing.Short() {
		t.Skip("vendors and builds everything")
	}
	tree := unpacked(t)
	names := registered(t, filepath.Join(tree, "functions.go"))
	readRoot(t, tree)
	if _, err := os.Stat(filepath.Join(tree, "vendor", filepath.FromSlash(framework), "funcframework")); err != nil {
		t.Fatalf("the framework is not vendored: %v", err)
	}
	module := strings.TrimSpace(offline(t, tree, "go", "list", "-m"))
	if first, _, _ := strings.Cut(module, "/"); !strings.Contains(first, ".") {
		t.Fatalf("the first element of module path %q has no dot", module)
	}
	if version := offline(t, tree, "go", "list", "-m", "-f", "{{.Version}}", framework); !strings.HasPrefix(version, "v1.") {
		t.Fatalf("version of the framework: %q", version)
	}
	app := filepath.Join(tree, "functions.local", "app")
	writeMain(t, app, module)

	for _, name := range names {
		program := filepath.Join(t.TempDir(), name)
		offline(t, tree, "go", "build", tags+strings.ToLower(name), "-o", program, app)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers(t, program, name)
		})
	}
	all := filepath.Join(t.TempDir(), "all")
	offline(t, tree, "go", "build", strings.TrimSuffix(tags, ",one_function,"), "-o", all, app)
	t.Run("all in one", func(t *testing.T) {
		t.Parallel()
		answers(t, all, names[0])
	})
}

// unpacked writes the archive as the command does, and unpacks it.
func unpacked(t *testing.T) string {
	t.Helper()
	name, tree := filepath.Join(t.TempDir(), "dist", "source.zip"), t.TempDir()
	var said bytes.Buffer
	if err := run(t.Context(), []string{"-o", name}, &said, os.Stderr); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 100_000_000 {
		t.Errorf("%d bytes: Cloud Functions takes 100 MB", info.Size())
	}
	if !strings.Contains(said.String(), "sha256") {
		t.Errorf("the command said %q", said.String())
	}
	r, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := os.CopyFS(tree, r); err != nil {
		t.Fatal(err)
	}
	return tree
}

// readRoot is what the buildpack wants of the root: every .go file in it, of
// whatever constraints, belongs to one package that is not main, and one of
// them imports the package that registers functions.
func readRoot(t *testing.T, tree string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(tree, "*.go"))
	if err != nil || len(files) != 1 {
		t.Fatalf("the root holds %q, %v; want functions.go alone", files, err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), files[0], nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	if f.Name.Name == "main" {
		t.Error("the root package is main")
	}
	if !slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == strconv.Quote(framework+"/functions") }) {
		t.Error("the root does not import " + framework + "/functions")
	}
}

// registered are the functions that file registers.
func registered(t *testing.T, file string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 2 {
			return true
		}
		if literal, ok := call.Args[0].(*ast.BasicLit); ok {
			name, _ := strconv.Unquote(literal.Value)
			names = append(names, name)
		}
		return true
	})
	if !slices.Contains(names, "GetTasks") || !slices.Contains(names, "ProcessPayout") {
		t.Fatalf("functions.go registers %q", names)
	}
	return names
}

func writeMain(t *testing.T, dir, module string) {
	t.Helper()
	main := fmt.Sprintf(`package main

import (
	"log"
	"os"

	_ %q

	%q
)

func main() {
	if err := funcframework.Start(os.Getenv("PORT")); err != nil {
		log.Fatal(err)
	}
}
`, module, framework+"/funcframework")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(main), 0o644); err != nil {
		t.Fatal(err)
	}
}

// offline runs a go command with vendor/ and without a network. Two flags are
// not the buildpack's: -trimpath lets the next run of the test find what was
// built, and without what debuggers read it takes half the time to link.
func offline(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=vendor -trimpath -ldflags=-w", "GOWORK=off", "GOPROXY=off", "GOTOOLCHAIN=local")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, stderr.Bytes())
	}
	return string(out)
}

// told is a variable that only this function's configuration asks for; of the
// others it is SPANNER_DATABASE.
var told = map[string]string{
	"SubmitResults": "PAYOUT_TOPIC", "WorkerStatus": "CHAIN_ID", "LinkWallet": "CHAIN_ID", "ProcessPayout": "TREASURY_KEY",
	"Sweep": "RESULT_LOG_BUCKET", "RefreshReputation": "SPEND_LOG_BUCKET", "Reconcile": "LOG_SENDER_ADDRESSES",
}

// answers starts one function as the cloud does, with an environment that
// configures nothing, and asks it something. It says in its answer that it
// cannot start, and in its log what is not set.
func answers(t *testing.T, program, name string) {
	port := freePort(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var log bytes.Buffer
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = []string{"FUNCTION_TARGET=" + name, "PORT=" + port}
	cmd.Stderr, cmd.Dir, cmd.WaitDelay = &log, t.TempDir(), 10*time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	status, body := ask(ctx, t, "http://127.0.0.1:"+port+"/v1/worker/tasks")
	cancel()
	_ = cmd.Wait() // it was killed

	var refusal api.ErrorBody
	if err := json.Unmarshal(body, &refusal); err != nil || status != http.StatusServiceUnavailable || refusal.Error == "" {
		t.Errorf("answered %d %q", status, body)
	}
	variable := told[name]
	if variable == "" {
		variable = "SPANNER_DATABASE"
	}
	if !strings.Contains(log.String(), "function cannot start") || !strings.Contains(log.String(), variable) {
		t.Errorf("its log does not name %s:\n%s", variable, log.String())
	}
}

// ask asks until there is an answer.
func ask(ctx context.Context, t *testing.T, url string) (status int, body []byte) {
	t.Helper()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			defer res.Body.Close()
			if body, err = io.ReadAll(res.Body); err == nil {
				return res.StatusCode, body
			}
		}
		if ctx.Err() != nil {
			t.Errorf("%s does not answer: %v", url, err)
			return 0, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
