package terraform_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// build is what cloudbuild.yaml may hold: a field that Cloud Build does not
// know would be refused when it is too late.
type build struct {
	Substitutions  map[string]string
	Steps          []step
	ServiceAccount string `yaml:"serviceAccount"`
	Options        struct {
		Logging     string
		MachineType string `yaml:"machineType"`
	}
	Timeout string
}

type step struct {
	ID, Name, Dir, Entrypoint string
	Args, Env                 []string
}

func readBuild(t *testing.T) (b build, text string) {
	t.Helper()
	raw, err := os.ReadFile("../cloudbuild.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dec := yaml.NewDecoder(strings.NewReader(string(raw)))
	dec.KnownFields(true)
	if err := dec.Decode(&b); err != nil {
		t.Fatal(err)
	}
	return b, string(raw)
}

func (b build) step(t *testing.T, id string) step {
	t.Helper()
	i := slices.IndexFunc(b.Steps, func(s step) bool { return s.ID == id })
	if i < 0 {
		t.Fatalf("there is no step %s", id)
	}
	return b.Steps[i]
}

// script is what a step's shell runs, after substitution.
func (s step) script(substitutions map[string]string) string {
	return substitution.ReplaceAllStringFunc(s.Args[len(s.Args)-1], func(use string) string {
		return substitutions[strings.Trim(use, "${}")]
	})
}

var substitution = regexp.MustCompile(`\$\{?[A-Z_]+\}?`)

// The build tests, then archives, then plans, then applies; and each step says
// which version of what it runs.
func TestBuildsSteps(t *testing.T) {
	b, _ := readBuild(t)
	var ids []string
	for _, s := range b.Steps {
		ids = append(ids, s.ID)
		_, tag, _ := strings.Cut(s.Name, ":")
		if tag == "latest" || tag == "" && s.Name != "gcr.io/cloud-builders/docker" {
			t.Errorf("%s runs any version of %s", s.ID, s.Name)
		}
	}
	if want := []string{"settings", "emulator", "test", "archive", "plan", "apply"}; !slices.Equal(ids, want) {
		t.Errorf("steps %q, want %q", ids, want)
	}
	if b.ServiceAccount == "" {
		t.Error("it would run as the project's default account")
	}
	if b.Options.Logging != "CLOUD_LOGGING_ONLY" {
		t.Error("an account of one's own needs CLOUD_LOGGING_ONLY, or a bucket for logs")
	}
	if !regexp.MustCompile(`^\d+s$`).MatchString(b.Timeout) {
		t.Errorf("timeout %q", b.Timeout)
	}
}

// Cloud Build refuses what is used and not declared, and what is declared and
// not used.
func TestBuildsSubstitutions(t *testing.T) {
	b, text := readBuild(t)
	used := map[string]bool{}
	body := text[strings.Index(text, "\nsteps:"):]
	for _, use := range substitution.FindAllString(body, -1) {
		used[strings.Trim(use, "${}")] = true
	}
	delete(used, "PROJECT_ID") // Cloud Build's own
	if got, want := slices.Sorted(maps.Keys(used)), slices.Sorted(maps.Keys(b.Substitutions)); !slices.Equal(got, want) {
		t.Errorf("used are %q, declared are %q", got, want)
	}
	if b.Substitutions["_APPLY"] != "false" {
		t.Error("it would apply without being asked")
	}
}

// The parts agree with each other and with the rest of the repository.
func TestBuildFitsTheRepository(t *testing.T) {
	b, _ := readBuild(t)
	emulator, test := b.step(t, "emulator"), b.step(t, "test")
	if !slices.Contains(emulator.Args, "--network=cloudbuild") || !slices.Contains(emulator.Args, "--name=spanner") ||
		!slices.Equal(test.Env, []string{"SPANNER_EMULATOR_HOST=spanner:9010"}) || !slices.Equal(test.Args, []string{"go", "test", "./..."}) {
		t.Errorf("the tests do not find the emulator: %q, %q %q", emulator.Args, test.Env, test.Args)
	}
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"test", "archive"} {
		_, version, _ := strings.Cut(b.step(t, id).Name, "golang:")
		if !strings.Contains(string(mod), "\ngo "+version+".") {
			t.Errorf("%s runs Go %s, go.mod wants another", id, version)
		}
	}
	function, err := os.ReadFile("modules/function/main.tf")
	if err != nil {
		t.Fatal(err)
	}
	if runtime := "go" + strings.ReplaceAll(strings.TrimPrefix(test.Name, "golang:"), ".", ""); !strings.Contains(string(function), `"`+runtime+`"`) {
		t.Errorf("the tests run on %s, the functions do not", runtime)
	}
	if archive, variable := b.step(t, "archive").script(nil), declared(t, "source_archive"); !strings.Contains(archive, "-o "+strings.TrimPrefix(variable, "../")+"\n") {
		t.Errorf("the archive is written by %q and read from %s", archive, variable)
	}
	if b.step(t, "plan").Dir != "terraform" || b.step(t, "apply").Dir != "terraform" || b.step(t, "plan").Name != b.step(t, "apply").Name {
		t.Error("plan and apply do not share a folder and a version")
	}
}

// declared is the default of a variable.
func declared(t *testing.T, name string) string {
	t.Helper()
	for _, b := range blocks(t) {
		if b.Type == "variable" && b.Labels[0] == name {
			return strings.Trim(b.source("default"), `"`)
		}
	}
	t.Fatalf("there is no variable %s", name)
	return ""
}

// The scripts do what they say, with programs that only note how they are called.
func TestBuildsScripts(t *testing.T) {
	b, _ := readBuild(t)
	given := map[string]string{"_STATE_BUCKET": "state", "PROJECT_ID": "p", "_APPLY": "false", "_BUILDER": "b"}
	with := func(name, value string) map[string]string {
		m := maps.Clone(given)
		m[name] = value
		return m
	}
	for name, c := range map[string]struct {
		step          string
		substitutions map[string]string
		calls         []string // in this order; nothing after the last
		fails         bool
	}{
		"settings":          {"settings", given, []string{"gcloud storage cp gs://state/terraform.tfvars terraform/terraform.tfvars"}, false},
		"no state":          {"settings", with("_STATE_BUCKET", ""), nil, true},
		"archive":           {"archive", given, []string{"go run ./functions/archive -o dist/source.zip", "go run ./functions/archive -o dist/again.zip", "cmp dist/source.zip dist/again.zip"}, false},
		"plan":              {"plan", given, []string{"terraform fmt -check -recursive", "terraform init -input=false -backend-config=bucket=state -backend-config=prefix=worker-network", "terraform validate", "terraform test", "terraform plan -input=false -var=project_id=p -out=plan.tfplan"}, false},
		"not asked":         {"apply", given, nil, false},
		"asked otherwise":   {"apply", with("_APPLY", "yes"), nil, false},
		"asked":             {"apply", with("_APPLY", "true"), []string{"terraform apply -input=false plan.tfplan"}, false},
		"plan, test failed": {"plan", with("PROJECT_ID", "fail-at-test"), []string{"terraform fmt -check -recursive", "terraform init -input=false -backend-config=bucket=state -backend-config=prefix=worker-network", "terraform validate", "terraform test"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			calls, err := runScript(t, b.step(t, c.step), c.substitutions)
			if (err != nil) != c.fails {
				t.Errorf("ended with %v", err)
			}
			if !slices.Equal(calls, c.calls) {
				t.Errorf("called %q\nwant   %q", calls, c.calls)
			}
		})
	}
}

// runScript runs a step's script in an empty folder, with programs that write
// their command line into a file. When the project is called fail-at-X, X fails.
func runScript(t *testing.T, s step, substitutions map[string]string) (calls []string, err error) {
	t.Helper()
	dir := t.TempDir()
	program := "#!/bin/sh\necho \"${0##*/} $*\" >>" + filepath.Join(dir, "calls") + "\n"
	if fail, ok := strings.CutPrefix(substitutions["PROJECT_ID"], "fail-at-"); ok {
		program += fmt.Sprintf("test \"$1\" != %s\n", fail)
	}
	for _, name := range []string{"terraform", "gcloud", "go", "cmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(program), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), s.Entrypoint, append(slices.Clone(s.Args[:len(s.Args)-1]), s.script(substitutions))...)
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + dir + ":/usr/bin:/bin"}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	text, _ := os.ReadFile(filepath.Join(dir, "calls"))
	for _, line := range strings.Split(string(text), "\n") {
		if line != "" {
			calls = append(calls, line)
		}
	}
	return calls, err
}
