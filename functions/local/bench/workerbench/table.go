package workerbench

import (
	"fmt"
	"strings"
)

// rows are the table's, by the figures' names.
var rows = []struct{ name, what, form string }{
	{"worker.idle_rss", "memory while there is nothing to check", "%.1f MB"},
	{"worker.binary_largest", "the program, the largest of the six", "%.1f MB"},
	{"worker.first_poll", "from its start to the first poll", "%.0f ms"},
	{"worker.cpu_per_check_ratio", "CPU of a check, against a bare GET with net/http", "%.2f x"},
	{"worker.bytes_per_check", "on the wire per check, polling and submitting included", "%.0f bytes"},
}

// Table is the figures in Markdown, beside those of the loop in Node.
func Table(figures []Figure) string {
	values := map[string]Figure{}
	for _, f := range figures {
		values[f.Name] = f
	}
	var b strings.Builder
	b.WriteString("| | worker-cli | at most | fetch and viem in Node |\n|---|---|---|---|\n")
	for _, r := range rows {
		f, ok := values[r.name]
		if !ok {
			continue
		}
		limit, node := "", ""
		if f.Max > 0 {
			limit = fmt.Sprint(f.Max)
		}
		if n, ok := values[r.name+"_node"]; ok {
			node = fmt.Sprintf(r.form, n.Value)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.what, fmt.Sprintf(r.form, f.Value), limit, node)
	}
	return b.String()
}
