// Package terraform_test holds what the Terraform files say to what the code
// says, where Terraform itself cannot look.
package terraform_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// block is a resource, module, variable ... with the file that it stands in.
type block struct {
	*hclsyntax.Block
	file string
	text []byte
}

// name is "google_service_account.build" or "module.gettasks".
func (b block) name() string {
	if b.Type == "resource" {
		return strings.Join(b.Labels, ".")
	}
	return b.Type + "." + strings.Join(b.Labels, ".")
}

// source is the expression of an attribute as it is written, or "".
func (b block) source(attribute string) string {
	a, ok := b.Body.Attributes[attribute]
	if !ok {
		return ""
	}
	return strings.TrimSpace(string(a.Expr.Range().SliceBytes(b.text)))
}

// blocks are all top-level blocks of this folder and its modules.
func blocks(t *testing.T) []block {
	t.Helper()
	var all []block
	for _, pattern := range []string{"*.tf", "modules/*/*.tf"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %q, %v", pattern, files, err)
		}
		for _, name := range files {
			all = append(all, parse(t, name)...)
		}
	}
	return all
}

func parse(t *testing.T, name string) []block {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	f, diags := hclsyntax.ParseConfig(text, name, hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	var all []block
	for _, b := range f.Body.(*hclsyntax.Body).Blocks {
		all = append(all, block{b, name, text})
	}
	return all
}
