package taskfile

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// All that is wrong with a file is said at once: where, of which task, and what
// to write instead, in words of the file.
func TestAllMistakesAtOnce(t *testing.T) {
	_, err := Parse([]byte(`version: 1
tasks:
- id: a
  url: https://h.org/
  intervall: 5s
  rewardMicros: 1.5
- id: b b
  url: ftp://h.org/
  expectedstatus: 200
  timeoutMs: fast
  paused: maybe
- just text
- id: c
  url: [https://h.org/]
  every: 5s
  region: EU
  regions: EU
  class: {x: 1}
  class: best
- id: a
  url: http://10.0.0.1/
  interval: 30
  buyerTier: gold
`))
	if err == nil {
		t.Fatal("it was taken")
	}
	const letters = "letters, digits and . _ : -"
	all := "id, url, type, expectedStatus, timeoutMs, rewardMicros, interval, buyerTier, class, region, regions, paused"
	want := []string{
		`taskfile: line 1: there is no field version; want tasks, a list, and nothing beside it`,
		`taskfile: line 5: task 1 ("a"): there is no field intervall; is interval meant?`,
		`taskfile: line 6: task 1 ("a"): rewardMicros: want a whole number, not "1.5"`,
		`taskfile: line 7: task 2 ("b b"): id: want 1 to 128 ` + letters,
		`taskfile: line 8: task 2 ("b b"): url "ftp://h.org/": want http:// or https:// with a host, no user, at most 2048 bytes`,
		`taskfile: line 9: task 2 ("b b"): there is no field expectedstatus; is expectedStatus meant?`,
		`taskfile: line 10: task 2 ("b b"): timeoutMs: want a whole number, not "fast"`,
		`taskfile: line 11: task 2 ("b b"): paused: want true or false, not "maybe"`,
		`taskfile: line 12: task 3 (""): want fields, such as id and url`,
		`taskfile: line 14: task 4 ("c"): url: want text, not a list`,
		`taskfile: line 15: task 4 ("c"): there is no field every; want one of ` + all,
		`taskfile: line 17: task 4 ("c"): regions: want a list, such as [EU, US-West], not "EU"`,
		`taskfile: line 18: task 4 ("c"): class: want text, not a mapping`,
		`taskfile: line 19: task 4 ("c"): class stands twice; leave one out`,
		`taskfile: line 20: task 5 ("a"): the id a stands twice in the list; give one of them another`,
		`taskfile: line 21: task 5 ("a"): url "http://10.0.0.1/": the address is not public; no worker would connect to it`,
		`taskfile: line 22: task 5 ("a"): interval "30" is no duration such as 30s or 5m`,
		`taskfile: line 23: task 5 ("a"): buyerTier "gold": want one of [best_effort standard premium]`,
	}
	got := strings.Split(err.Error(), "\n")
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("from line %d of the error on:\n%s\nwant\n%s", i+1, strings.Join(got[min(i, len(got)):], "\n"), strings.Join(want[min(i, len(want)):], "\n"))
		}
	}
}

func TestNumbersThatDoNotFit(t *testing.T) {
	for _, text := range []string{"99999999999999999999", "9223372036854775807", "18446744073710", "-1", "1e3", "0x10000000000000000", "'5'", ""} {
		_, err := Parse([]byte("tasks: [{id: a, url: 'https://h.org/', timeoutMs: " + text + "}]"))
		if text == "" {
			if err != nil {
				t.Errorf("nothing, which is the default: %v", err)
			}
		} else if err == nil || !strings.Contains(err.Error(), "timeoutMs") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// What YAML has to keep a list short: aliases, and mappings that are merged.
func TestWhatTasksHaveInCommon(t *testing.T) {
	got, err := Parse([]byte(`tasks:
- &first
  id: a
  url: &site https://h.org/
  interval: 2m
  rewardMicros: &reward 200
  paused: yes
- {<<: *first, id: b, interval: 5m}
- {id: 7, url: *site, rewardMicros: *reward, class: ~}
- {<<: [{id: c, timeoutMs: 500}, *first], paused: false}
`))
	if err != nil || len(got) != 4 {
		t.Fatalf("%v, %v", got, err)
	}
	if b := got[1]; b.ID != "b" || b.URL != "https://h.org/" || b.Interval != 5*time.Minute || b.RewardMicros != 200 || b.Active {
		t.Errorf("merged: %+v", b)
	}
	if c := got[2]; c.ID != "7" || c.URL != "https://h.org/" || c.RewardMicros != 200 || !c.Active || c.Class != "standard" {
		t.Errorf("aliases: %+v", c)
	}
	if c := got[3]; c.ID != "c" || c.Timeout != 500*time.Millisecond || c.Interval != 2*time.Minute || !c.Active {
		t.Errorf("merged of two: %+v", c)
	}
	itself := "tasks: [&a {<<: *a, <<: [" + strings.Repeat("*a, ", 100) + "], id: a, url: 'https://h.org/'}]"
	if got, err := Parse([]byte(itself)); err != nil || len(got) != 1 {
		t.Errorf("one that merges itself: %v, %v", got, err)
	}
}

func TestMeant(t *testing.T) {
	for name, want := range map[string]string{
		"ID": "id", "Url": "url", "timeout": "timeoutMs", "timeoutMS": "timeoutMs", "rewardMicro": "rewardMicros", "buyer_tier": "buyerTier", "regoins": "regions", "frequency": "",
	} {
		if got := meant(name); want != "" && got != "is "+want+" meant?" || want == "" && !strings.HasPrefix(got, "want one of id, url") {
			t.Errorf("%s: %s", name, got)
		}
	}
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}} {
		if got := apart(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %d", c.a, c.b, got)
		}
	}
}

// Whatever a file holds, reading it ends, and it gives tasks or an error.
func FuzzParse(f *testing.F) {
	f.Add(pilot)
	f.Add([]byte("tasks: [&a {<<: *a, id: a, url: 'https://h.org/', regions: [EU, US]}]"))
	f.Add([]byte(`{"tasks":[{"id":"a","url":"http://h.org:8080/p?q","interval":"20s","paused":true}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := ParseLocal(text)
		if (len(got) > 0) != (err == nil) {
			t.Fatalf("%d tasks, %v", len(got), err)
		}
		var ids []string
		for _, task := range got {
			if task.Interval < minInterval || task.Timeout <= 0 || task.RewardMicros < 0 || slices.Contains(ids, task.ID) {
				t.Fatalf("%+v", task)
			}
			ids = append(ids, task.ID)
		}
	})
}
