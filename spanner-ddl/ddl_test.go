package spannerddl_test

import (
	"regexp"
	"testing"

	database "cloud.google.com/go/spanner/admin/database/apiv1"
	"cloud.google.com/go/spanner/admin/database/apiv1/databasepb"
	"github.com/cloudspannerecosystem/memefish"
	"github.com/cloudspannerecosystem/memefish/ast"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/BlockRunAI/worker-network/shared/localcloud/spannertest"
	spannerddl "github.com/BlockRunAI/worker-network/spanner-ddl"
)

func TestMain(m *testing.M) { spannertest.Main(m) }

func migrations(t *testing.T) []spannerddl.Migration {
	t.Helper()
	files, err := spannerddl.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no files are embedded")
	}
	return files
}

// Production applies the files by name, so the names say the order.
func TestFilesAreNumbered(t *testing.T) {
	form := regexp.MustCompile(`^(\d{4})_[a-z0-9_]+\.sql$`)
	last := "0000"
	for _, f := range migrations(t) {
		m := form.FindStringSubmatch(f.Name)
		if m == nil || m[1] <= last { // a number may be left out, none comes twice
			t.Fatalf("%s follows number %s; want a higher one: NNNN_what_it_does.sql", f.Name, last)
		}
		last = m[1]
		if len(f.Statements) == 0 {
			t.Errorf("%s holds no statement", f.Name)
		}
	}
}

// The first n files make a database, for each n: an instance of any age can be
// rebuilt.
func TestEachPrefixMakesADatabase(t *testing.T) {
	var statements []string
	for _, f := range migrations(t) {
		statements = append(statements, f.Statements...)
		spannertest.NewWith(t, statements)
	}
}

// A database grows by one file at a time, as in production.
func TestFilesApplyOneAfterAnother(t *testing.T) {
	name := spannertest.NewWith(t, nil)
	conn, err := grpc.NewClient("passthrough:///"+spannertest.Host(t), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	admin, err := database.NewDatabaseAdminClient(t.Context(), option.WithGRPCConn(conn))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range migrations(t) {
		op, err := admin.UpdateDatabaseDdl(t.Context(), &databasepb.UpdateDatabaseDdlRequest{Database: name, Statements: f.Statements})
		if err == nil {
			err = op.Wait(t.Context())
		}
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
	}
	got, err := admin.GetDatabaseDdl(t.Context(), &databasepb.GetDatabaseDdlRequest{Database: name})
	if err != nil {
		t.Fatal(err)
	}
	tables := 0
	for _, s := range got.GetStatements() {
		if d, err := memefish.ParseDDL("", s); err == nil {
			if _, ok := d.(*ast.CreateTable); ok {
				tables++
			}
		}
	}
	if want := len(schema(t).tables); tables != want {
		t.Errorf("the database has %d tables, want %d", tables, want)
	}
}

// A key or an index that begins with a time sends all writes to one server
// (cloud.md, Spanner).
func TestNoKeyBeginsWithATime(t *testing.T) {
	s := schema(t)
	if len(s.firstKeys) < len(s.tables) {
		t.Fatalf("%d keys of %d tables were looked at", len(s.firstKeys), len(s.tables))
	}
	for what, key := range s.firstKeys {
		switch kind := s.tables[key.table][key.column]; kind {
		case "TIMESTAMP", "DATE", "":
			t.Errorf("%s begins with %s.%s, of type %q", what, key.table, key.column, kind)
		}
	}
}

type column struct{ table, column string }

type parsedSchema struct {
	tables    map[string]map[string]string // table -> column -> type
	firstKeys map[string]column            // of tables and indexes
}

func schema(t *testing.T) parsedSchema {
	t.Helper()
	s := parsedSchema{map[string]map[string]string{}, map[string]column{}}
	for _, f := range migrations(t) {
		for _, statement := range f.Statements {
			d, err := memefish.ParseDDL(f.Name, statement)
			if err != nil {
				t.Fatal(err)
			}
			switch d := d.(type) {
			case *ast.CreateTable:
				table := d.Name.SQL()
				s.tables[table] = map[string]string{}
				for _, c := range d.Columns {
					s.tables[table][c.Name.SQL()] = c.Type.SQL()
				}
				s.firstKeys["table "+table] = column{table, d.PrimaryKeys[0].Name.SQL()}
			case *ast.CreateIndex:
				s.firstKeys["index "+d.Name.SQL()] = column{d.TableName.SQL(), d.Keys[0].Name.SQL()}
			case *ast.AlterTable:
				switch change := d.TableAlteration.(type) {
				case *ast.AddColumn:
					s.tables[d.Name.SQL()][change.Column.Name.SQL()] = change.Column.Type.SQL()
				case *ast.DropColumn:
					delete(s.tables[d.Name.SQL()], change.Name.SQL())
				}
			}
		}
	}
	return s
}
