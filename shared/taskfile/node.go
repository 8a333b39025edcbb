package taskfile

import (
	"fmt"
	"iter"
	"strings"

	"go.yaml.in/yaml/v3"
)

// resolve is what an alias stands for.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// pairs are the keys and values of a mapping, and then those of the ones that
// it merges ("<<") and does not have itself.
func pairs(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(*yaml.Node, *yaml.Node) bool) {
		own := map[string]bool{}
		merge := []*yaml.Node{n} // n, and then what is merged, depth first
		seen := map[*yaml.Node]bool{}
		for len(merge) > 0 {
			m := resolve(merge[0])
			merge = merge[1:]
			if m.Kind != yaml.MappingNode || seen[m] { // a second time it brings nothing, and one may merge itself
				continue
			}
			seen[m] = true
			var deeper []*yaml.Node
			for i := 0; i+1 < len(m.Content); i += 2 {
				key, value := m.Content[i], resolve(m.Content[i+1])
				switch {
				case key.Tag == "!!merge" && value.Kind == yaml.SequenceNode:
					deeper = append(deeper, value.Content...)
				case key.Tag == "!!merge":
					deeper = append(deeper, value)
				case m != n && own[key.Value]:
				case !yield(key, value):
					return
				default:
					own[key.Value] = true
				}
			}
			merge = append(deeper, merge...)
		}
	}
}

// text reads a string, or what is written like one: a version number is text.
func text(n *yaml.Node, into *string) error {
	if n.Kind != yaml.ScalarNode || n.Decode(into) != nil {
		return fmt.Errorf("want text, not %s", shown(n))
	}
	return nil
}

func texts(n *yaml.Node, into *[]string) error {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		return fmt.Errorf("want a list, such as [EU, US-West], not %s", shown(n))
	}
	for _, item := range n.Content {
		var one string
		if err := text(resolve(item), &one); err != nil {
			return err
		}
		*into = append(*into, one)
	}
	return nil
}

// whole reads an integer. The YAML package would cut a fraction off silently,
// and money is never a float.
func whole(n *yaml.Node, into **int64) error {
	var i int64
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return nil
	case n.Kind != yaml.ScalarNode || n.Tag != "!!int" || n.Decode(&i) != nil:
		return fmt.Errorf("want a whole number, not %s", shown(n))
	}
	*into = &i
	return nil
}

func yes(n *yaml.Node, into *bool) error {
	if n.Kind != yaml.ScalarNode || n.Decode(into) != nil {
		return fmt.Errorf("want true or false, not %s", shown(n))
	}
	return nil
}

// shown is a value as an error quotes it.
func shown(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a mapping"
	}
	return fmt.Sprintf("%.40q", n.Value)
}

// meant says which field somebody may have meant, or which there are.
func meant(name string) string {
	var all []string
	for _, f := range fields {
		if apart(strings.ToLower(name), strings.ToLower(f.name)) <= 2 {
			return "is " + f.name + " meant?"
		}
		all = append(all, f.name)
	}
	return "want one of " + strings.Join(all, ", ")
}

// apart is how many letters of a have to be changed, added or taken away to
// make it b (Levenshtein's distance).
func apart(a, b string) int {
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, last[j+1]+1, row[j]+1)
		}
		last = row
	}
	return last[len(b)]
}
