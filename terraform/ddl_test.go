package terraform_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cloudspannerecosystem/memefish"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	spannerddl "github.com/BlockRunAI/worker-network/spanner-ddl"
)

func TestMain(m *testing.M) { spannertest.Main(m) }

// split does what modules/ddl does, with the expressions that stand there:
// Terraform runs them on the same engine, Go's regexp.
type split struct{ separator, statement *regexp.Regexp }

func newSplit(t *testing.T) split {
	t.Helper()
	values := map[string]cty.Value{}
	for _, b := range parse(t, "modules/ddl/main.tf") {
		if b.Type != "locals" {
			continue
		}
		for _, name := range []string{"literal", "space", "separator", "statement"} {
			scope := &hcl.EvalContext{Variables: map[string]cty.Value{"local": cty.ObjectVal(values)}}
			value, diags := b.Body.Attributes[name].Expr.Value(scope)
			if diags.HasErrors() {
				t.Fatal(diags)
			}
			values[name] = value
		}
	}
	return split{regexp.MustCompile(values["separator"].AsString()), regexp.MustCompile(values["statement"].AsString())}
}

func (s split) statements(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.sql"))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %q, %v", dir, names, err)
	}
	slices.Sort(names)
	var out []string
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range s.statement.FindAllString(s.separator.ReplaceAllString(string(text), "$1 "), -1) {
			if statement = strings.TrimSpace(statement); statement != "" {
				out = append(out, statement)
			}
		}
	}
	return out
}

// canonical brings statements into memefish's form.
func canonical(t *testing.T, statements []string) []string {
	t.Helper()
	var out []string
	for _, s := range statements {
		d, err := memefish.ParseDDL("", s)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		out = append(out, d.SQL())
	}
	return out
}

// Terraform makes the same database as the tests and the local network do.
func TestTerraformsStatementsAreTheSchemas(t *testing.T) {
	want, err := spannerddl.Statements()
	if err != nil {
		t.Fatal(err)
	}
	got := newSplit(t).statements(t, "../spanner-ddl")
	if !slices.Equal(canonical(t, got), want) {
		t.Errorf("Terraform would apply %q", got)
	}
	if testing.Short() {
		return
	}
	spannertest.NewWith(t, got) // and Spanner takes them as they are
}

// The hard cases mean to a parser what modules/ddl makes of them.
func TestHardCasesMeanTheSame(t *testing.T) {
	var want []string
	for _, name := range []string{"tests/ddl/0001_first.sql", "tests/ddl/0002_second.sql"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		// memefish knows no empty statement.
		ddls, err := memefish.ParseDDLs(name, strings.ReplaceAll(string(text), ";;", ";"))
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range ddls {
			want = append(want, d.SQL())
		}
	}
	if got := canonical(t, newSplit(t).statements(t, "tests/ddl")); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// A comment that is edited after its file was applied changes no statement:
// Spanner would have to be given another database.
func TestEditingACommentChangesNothing(t *testing.T) {
	s, dir := newSplit(t), t.TempDir()
	write := func(text string) []string {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "0001_x.sql"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return s.statements(t, dir)
	}
	want := write("CREATE TABLE A (\n  Id INT64 NOT NULL DEFAULT ('x'), -- the id\n  B INT64,\n) PRIMARY KEY (Id);\n")
	for _, text := range []string{
		"CREATE TABLE A (\n  Id INT64 NOT NULL DEFAULT ('x'),\n  B INT64,\n) PRIMARY KEY (Id);\n",
		"-- all; of it\nCREATE TABLE A (\n  Id   INT64 NOT NULL DEFAULT ('x'), -- an id; or so\n\n  B INT64, /* more */\n) PRIMARY KEY (Id)",
	} {
		if got := write(text); !slices.Equal(got, want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
	}
}
