package terraform_test

import (
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"cloud.google.com/go/spanner"
	"github.com/cloudspannerecosystem/memefish"
	"github.com/cloudspannerecosystem/memefish/ast"
	"google.golang.org/api/iterator"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	spannerddl "github.com/BlockRunAI/worker-network/spanner-ddl"
)

const runbook = "../docs/runbook.md"

// everyWord of the functions' code and what they are made from.
func everyWord(t *testing.T) map[string]bool {
	t.Helper()
	words := map[string]bool{}
	for _, root := range []string{"../functions", "../shared"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				for _, w := range literals(t, path) {
					words[w] = true
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return words
}

var payload = regexp.MustCompile(`jsonPayload\.(\w+)="([^"]+)"`)

// What the runbook looks for in the log, the code logs: else it is waited for in vain.
func TestTheRunbooksLogLines(t *testing.T) {
	words, found := everyWord(t), 0
	for _, m := range payload.FindAllStringSubmatch(read(t, runbook), -1) {
		found++
		if m[1] != "message" && !words[m[1]] {
			t.Errorf("no line of the log has a field %q", m[1])
		}
		if !words[m[2]] {
			t.Errorf("nothing logs %q", m[2])
		}
	}
	if found < 10 {
		t.Errorf("only %d lines were found", found)
	}
}

var waits = regexp.MustCompile(`(?m)^- \*([^*]+)\*`)

// The reasons for which payouts wait, as the runbook lists them, are those that
// ProcessPayout gives, or titles of alerts.
func TestTheRunbooksReasons(t *testing.T) {
	said := spoken(t, []string{"../functions/processpayout"})
	for _, e := range events(t) {
		said = append(said, strings.ToLower(e.Title[:1])+e.Title[1:])
	}
	_, part, _ := strings.Cut(read(t, runbook), "\n## Payouts that are stuck\n")
	part, _, _ = strings.Cut(part, "\n## ")
	found := waits.FindAllStringSubmatch(part, -1)
	for _, m := range found {
		reason := strings.ReplaceAll(strings.Join(strings.Fields(m[1]), " "), "...", "%s")
		if !slices.ContainsFunc(said, func(w string) bool { return strings.HasPrefix(w, reason) }) {
			t.Errorf("no payout waits because %q", reason)
		}
	}
	if len(found) < 5 {
		t.Errorf("only %d reasons were found", len(found))
	}
}

// named are the ways in which the runbook names what Terraform makes: the
// pattern finds words, each of which the file has to have in the form.
var named = []struct {
	what, pattern string
	least         int
	file, form    string // form: NAME is the word
}{
	{"job", `gcloud scheduler jobs (?:pause|run|resume) ([a-z-]+)`, 3, "scheduler.tf", `(?m)(^\s+NAME\s+= |"NAME" => )\{ schedule`},
	{"job", `for j in ([a-z -]+); do`, 2, "scheduler.tf", `(?m)(^\s+NAME\s+= |"NAME" => )\{ schedule`},
	{"service", `gcloud run services \w+ ([a-z]+)`, 3, "functions.tf", `module\.NAME\b`},
	{"service", `for s in ([a-z ]+); do`, 4, "functions.tf", `module\.NAME\b`},
	{"service", `--service=([a-z]+)`, 1, "functions.tf", `module\.NAME\b`},
	{"service", `service_name="([a-z]+)"`, 2, "functions.tf", `module\.NAME\b`},
	{"subscription", `modify-push-config ([a-z]+)`, 1, "pubsub.tf", `(?s)"google_pubsub_subscription".{0,80} name += "NAME"`},
	{"secret", `gcloud secrets versions add ([a-z-]+)`, 3, "secrets.tf", `(?m)^ {4}NAME +=`},
	{"secret", `--secret=([a-z-]+)`, 1, "secrets.tf", `(?m)^ {4}NAME +=`},
	{"instance", `--(?:source-|destination-)?instance=([a-z-]+)`, 5, "spanner.tf", `(?s)"google_spanner_instance".{0,60} name += "NAME"`},
	{"database", `--(?:destination-)?database=([a-z-]+)`, 4, "spanner.tf", `(?s)"google_spanner_database".{0,120} name += "NAME"`},
	{"database", `gcloud spanner databases (?:execute-sql|update|delete|ddl update) ([a-z-]+)`, 4, "spanner.tf", `(?s)"google_spanner_database".{0,120} name += "NAME"`},
	{"key", `--key=([a-z]+)`, 1, "kms.tf", `(?s)"google_kms_crypto_key".{0,120} name += "NAME"`},
	{"keyring", `--keyring=([a-z-]+)`, 1, "kms.tf", `(?s)"google_kms_key_ring".{0,120} name += "NAME"`},
	{"output", `terraform output (?:-raw |-json )?([a-z_]+)`, 2, "outputs.tf", `output "NAME"`},
	{"output", `-chdir=terraform output (?:-raw |-json )?([a-z_]+)`, 4, "outputs.tf", `output "NAME"`},
}

// What the runbook's commands name is there under this name.
func TestTheRunbooksNames(t *testing.T) {
	text := read(t, runbook)
	for _, n := range named {
		found := 0
		for _, m := range regexp.MustCompile(n.pattern).FindAllStringSubmatch(text, -1) {
			for word := range strings.FieldsSeq(m[1]) {
				found++
				if !regexp.MustCompile(strings.ReplaceAll(n.form, "NAME", word)).MatchString(read(t, n.file)) {
					t.Errorf("%s: %s has no %s %q", m[0], n.file, n.what, word)
				}
			}
		}
		if found < n.least {
			t.Errorf("%s: found %d, want %d at least", n.pattern, found, n.least)
		}
	}
}

var job = regexp.MustCompile(`(?m)(?:^\s+|")([a-z-]+)"?\s+=>? \{ schedule`)

// Before a restore all that workers reach is closed, and each job is paused.
func TestARestoreStopsAll(t *testing.T) {
	_, steps, _ := strings.Cut(read(t, runbook), "1. **Stop everything.**")
	steps, _, _ = strings.Cut(steps, "2. **")
	words := strings.FieldsFunc(steps, func(r rune) bool { return r == ';' || r == '`' || unicode.IsSpace(r) })
	for path, function := range contracts(t)["pilot"].Routes {
		if !slices.Contains(words, strings.ToLower(function)) {
			t.Errorf("%s, at %s, is not closed", function, path)
		}
	}
	jobs := job.FindAllStringSubmatch(read(t, "scheduler.tf"), -1)
	for _, m := range jobs {
		if !slices.Contains(words, m[1]) {
			t.Errorf("the job %s is not paused", m[1])
		}
	}
	if len(jobs) < 3 {
		t.Errorf("found only %q", jobs)
	}
}

var (
	address = regexp.MustCompile("[` =](google_[a-z_]+)\\.([a-z_]+)\\b")
	setting = regexp.MustCompile("(?m)`([a-z][a-z0-9_]+) = [^`]*[`\n]")
)

// So are the resources and variables.
func TestTheRunbooksTerraform(t *testing.T) {
	text, is := read(t, runbook), map[string]bool{}
	for _, b := range blocks(t) {
		is[b.name()] = true
	}
	addresses, settings := address.FindAllStringSubmatch(text, -1), setting.FindAllStringSubmatch(text, -1)
	for _, m := range addresses {
		if !is[m[1]+"."+m[2]] {
			t.Errorf("there is no %s.%s", m[1], m[2])
		}
	}
	for _, m := range settings {
		if !is["variable."+m[1]] {
			t.Errorf("%s: there is no such variable", m[0])
		}
	}
	if len(addresses) < 4 || len(settings) < 8 {
		t.Errorf("only %d addresses and %d settings were found", len(addresses), len(settings))
	}
}

// A restored database has no row deletion policies; the runbook adds them all.
func TestTheRunbookBringsBackTheRowDeletionPolicies(t *testing.T) {
	statements, err := spannerddl.Statements()
	if err != nil {
		t.Fatal(err)
	}
	policies := map[string]string{}
	for _, statement := range statements {
		d, err := memefish.ParseDDL("", statement)
		if err != nil {
			t.Fatal(err)
		}
		switch d := d.(type) {
		case *ast.CreateTable:
			if d.RowDeletionPolicy != nil {
				policies[d.Name.SQL()] = d.RowDeletionPolicy.RowDeletionPolicy.SQL()
			}
		case *ast.AlterTable:
			if strings.Contains(d.SQL(), "ROW DELETION") {
				t.Errorf("this test does not know what this changes: %s", d.SQL())
			}
		}
	}
	want := map[string]string{}
	_, ddl, _ := strings.Cut(read(t, runbook), "--ddl='")
	ddl, _, _ = strings.Cut(ddl, "'")
	for statement := range strings.SplitSeq(ddl, ";") {
		d, err := memefish.ParseDDL("", statement)
		if err != nil {
			t.Fatal(err)
		}
		alter := d.(*ast.AlterTable)
		want[alter.Name.SQL()] = alter.TableAlteration.(*ast.AddRowDeletionPolicy).RowDeletionPolicy.SQL()
	}
	if !maps.Equal(policies, want) || len(policies) == 0 {
		t.Errorf("the runbook adds %v, the schema has %v", want, policies)
	}
}

var queries = regexp.MustCompile(`sql "([^"]+)"`)

// Spanner takes the runbook's queries.
func TestTheRunbooksQueries(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the Spanner emulator")
	}
	client := spannertest.Client(t, spannertest.New(t))
	all := queries.FindAllStringSubmatch(read(t, runbook)+read(t, "../docs/operating.md"), -1)
	if len(all) < 8 {
		t.Errorf("only %d queries were found", len(all))
	}
	for _, m := range all {
		rows := client.Single().Query(t.Context(), spanner.NewStatement(m[1]))
		if _, err := rows.Next(); err != nil && err != iterator.Done {
			t.Errorf("%s: %v", m[1], err)
		}
		rows.Stop()
	}
}
