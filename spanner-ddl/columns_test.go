package spannerddl_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// columnForm tells the name of a column from a query's parameter and from text.
var columnForm = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)

// Every column that shared/spannerdb writes or reads by name exists: in the
// table that is named beside it, or at least in some table.
func TestColumnsOfTheCodeExist(t *testing.T) {
	files, err := filepath.Glob("../shared/spannerdb/*.go")
	if err != nil {
		t.Fatal(err)
	}
	c := columnCheck{T: t, fset: token.NewFileSet(), schema: schema(t)}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(c.fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, c.visit)
	}
	if c.inTable < 10 || c.inAny < 30 {
		t.Errorf("only %d columns of a known table and %d others were found: has the code's form changed?", c.inTable, c.inAny)
	}
}

// Every column that the schema makes is named in shared/spannerdb, in a string
// or as a field of a row's struct: one that is not was added and forgotten.
func TestEveryColumnIsUsed(t *testing.T) {
	files, err := filepath.Glob("../shared/spannerdb/*.go")
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				for _, w := range word.FindAllString(literal(n), -1) {
					words[w] = true
				}
			case *ast.Field:
				for _, name := range n.Names {
					words[name.Name] = true
				}
			}
			return true
		})
	}
	for table, columns := range schema(t).tables {
		for column := range columns {
			if !words[column] {
				t.Errorf("nothing in shared/spannerdb writes or reads %s.%s", table, column)
			}
		}
	}
}

var word = regexp.MustCompile(`[A-Za-z0-9]+`)

type columnCheck struct {
	*testing.T
	fset   *token.FileSet
	schema parsedSchema

	inTable, inAny int // columns looked at
}

func (c *columnCheck) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.CallExpr:
		c.call(n)
	case *ast.CompositeLit:
		for _, name := range namesIn(n) {
			c.inAny++
			if !c.anywhere(name.text) {
				c.Errorf("%s: no table has a column %s", c.fset.Position(name.pos), name.text)
			}
		}
	}
	return true
}

// call checks spanner.Insert("Table", []string{...}) and its kin, and reads.
func (c *columnCheck) call(call *ast.CallExpr) {
	for i, arg := range call.Args {
		table, ok := c.schema.tables[literal(arg)]
		if !ok {
			continue
		}
		for _, rest := range call.Args[i+1:] {
			list, ok := rest.(*ast.CompositeLit)
			if !ok {
				continue
			}
			for _, name := range namesIn(list) {
				c.inTable++
				if table[name.text] == "" {
					c.Errorf("%s: table %s has no column %s", c.fset.Position(name.pos), literal(arg), name.text)
				}
			}
		}
	}
}

func (c *columnCheck) anywhere(column string) bool {
	for _, table := range c.schema.tables {
		if table[column] != "" {
			return true
		}
	}
	return false
}

type named struct {
	text string
	pos  token.Pos
}

// namesIn are the column names in []string{"A", ...} and map[string]any{"A": ...}.
func namesIn(lit *ast.CompositeLit) []named {
	var out []named
	add := func(e ast.Expr) {
		if s := literal(e); columnForm.MatchString(s) {
			out = append(out, named{s, e.Pos()})
		}
	}
	switch kind := lit.Type.(type) {
	case *ast.MapType:
		for _, e := range lit.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				add(kv.Key)
			}
		}
	case *ast.ArrayType:
		if elem, ok := kind.Elt.(*ast.Ident); ok && elem.Name == "string" {
			for _, e := range lit.Elts {
				add(e)
			}
		}
	}
	return out
}

// literal is the value of a string literal, else "".
func literal(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return s
}
