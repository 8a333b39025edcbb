package taskfile

import (
	"strings"
	"testing"
	"time"

	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// The numbers are those of docs/product.md.
func TestPilot(t *testing.T) {
	got, err := Pilot()
	if err != nil {
		t.Fatal(err)
	}
	want := []schedule.Task{
		{ID: "task_br_health", URL: "https://blockrun.ai/api/health", RewardMicros: 100, Interval: 30 * time.Second},
		{ID: "task_br_models", URL: "https://blockrun.ai/api/v1/models", RewardMicros: 100, Interval: 60 * time.Second},
		{ID: "task_base_rpc", URL: "https://mainnet.base.org", RewardMicros: 150, Interval: 30 * time.Second},
	}
	if len(got) != len(want) {
		t.Fatalf("%d tasks, want %d", len(got), len(want))
	}
	for i, w := range want {
		w.ExpectedStatus, w.Timeout, w.Active = 200, 10*time.Second, true
		w.BuyerTier, w.Class = "best_effort", schedule.Standard
		g := got[i]
		if g.ID != w.ID || g.URL != w.URL || g.RewardMicros != w.RewardMicros || g.Interval != w.Interval || g.ExpectedStatus != w.ExpectedStatus ||
			g.Timeout != w.Timeout || !g.Active || g.BuyerTier != w.BuyerTier || g.Class != w.Class || g.Region != "" {
			t.Errorf("task %d:\n got %+v\nwant %+v", i, g, w)
		}
	}
}

func TestParseEveryField(t *testing.T) {
	for _, text := range []string{
		"tasks:\n- {id: a, url: 'http://h.org:8080/p?q', type: http_check, expectedStatus: 204, timeoutMs: 1500, rewardMicros: 0, interval: 20s, buyerTier: premium, class: high_value, region: EU, paused: true}\n",
		`{"tasks":[{"id":"a","url":"http://h.org:8080/p?q","type":"http_check","expectedStatus":204,"timeoutMs":1500,"rewardMicros":0,"interval":"20s","buyerTier":"premium","class":"high_value","region":"EU","paused":true}]}`,
	} {
		got, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		g := got[0]
		if g.ID != "a" || g.URL != "http://h.org:8080/p?q" || g.ExpectedStatus != 204 || g.Timeout != 1500*time.Millisecond || g.RewardMicros != 0 ||
			g.Interval != 20*time.Second || g.BuyerTier != "premium" || g.Class != schedule.HighValue || g.Region != "EU" || g.Active {
			t.Errorf("%s\ngives %+v", text, g)
		}
	}
}

func TestRegionsMakeAGroup(t *testing.T) {
	got, err := Parse([]byte("tasks: [{id: a, url: 'https://h.org/', regions: [EU, US-West], buyerTier: premium, paused: true}, {id: b, url: 'https://h.org/', buyerTier: standard}]"))
	if err != nil || len(got) != 3 {
		t.Fatalf("got %v, %v", got, err)
	}
	for i, region := range []string{"EU", "US-West"} {
		if g := got[i]; g.ID != "a:"+region || g.Group != "a" || g.Region != region || g.Active || g.BuyerTier != schedule.PremiumBuyer || g.Interval != 30*time.Second || g.URL != "https://h.org/" {
			t.Errorf("%s: %+v", region, g)
		}
	}
	if g := got[2]; g.ID != "b" || g.Group != "" || g.Region != "" || g.Interval != time.Minute {
		t.Errorf("without regions: %+v", g)
	}
}

func TestParseRefuses(t *testing.T) {
	task := func(fields string) string { return "tasks:\n- {id: a, url: 'https://h.org/', " + fields + "}\n" }
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "no tasks"},
		{"no list", "tasks: []", "no tasks"},
		{"not YAML", "tasks: [", "taskfile: yaml"},
		{"unknown field", task("reward: 100"), "reward"},
		{"id twice", "tasks: [{id: a, url: 'https://h.org/'}, {id: a, url: 'https://h.org/'}]", "twice"},
		{"no id", "tasks: [{url: 'https://h.org/'}]", "id:"},
		{"id with a space", "tasks: [{id: 'a b', url: 'https://h.org/'}]", "id:"},
		{"id too long", "tasks: [{id: " + strings.Repeat("a", 129) + ", url: 'https://h.org/'}]", "id:"},
		{"no url", "tasks: [{id: a}]", "url"},
		{"ftp", "tasks: [{id: a, url: 'ftp://h/'}]", "url"},
		{"user in url", "tasks: [{id: a, url: 'https://u:p@h/'}]", "url"},
		{"no host", "tasks: [{id: a, url: 'https:///x'}]", "url"},
		{"type", task("type: tcp_check"), "http_check"},
		{"status", task("expectedStatus: 600"), "expectedStatus"},
		{"no timeout", task("timeoutMs: 0"), "timeoutMs"},
		{"long timeout", task("timeoutMs: 60001"), "timeoutMs"},
		{"negative reward", task("rewardMicros: -1"), "rewardMicros"},
		{"huge reward", task("rewardMicros: 1000000001"), "rewardMicros"},
		{"reward is a float", task("rewardMicros: 0.5"), "0.5"},
		{"interval", task("interval: soon"), "interval"},
		{"short interval", task("interval: 10ms"), "interval"},
		{"tier", task("buyerTier: gold"), "buyerTier"},
		{"class", task("class: best"), "class"},
		{"less than promised", task("buyerTier: premium, interval: 31s"), "promised"},
		{"region and regions", task("region: EU, regions: [US]"), "one of them"},
		{"regions twice", task("regions: [EU, EU]"), "twice"},
		{"no region", task("regions: ['']"), "regions"},
		{"region with a space", task("regions: ['US West']"), "US West"},
		{"an expanded id", "tasks: [{id: 'a:EU', url: 'https://h.org/'}, {id: a, url: 'https://h.org/', regions: [EU]}]", "a:EU"},
		{"an expanded id too long", "tasks: [{id: " + strings.Repeat("a", 126) + ", url: 'https://h.org/', regions: [EU]}]", "regions"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Parse([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) || got != nil {
				t.Errorf("got %v, %v; want an error with %q", got, err, c.want)
			}
		})
	}
}

func TestParseNamesEveryBadTask(t *testing.T) {
	_, err := Parse([]byte("tasks: [{id: one}, {id: two, url: 'https://h.org/'}, {id: three, url: 'https://h.org/', interval: x}]"))
	if err == nil || !strings.Contains(err.Error(), `task 1 ("one")`) || !strings.Contains(err.Error(), `task 3 ("three")`) || strings.Contains(err.Error(), "two") {
		t.Errorf("error = %v", err)
	}
}

// Whatever is wrong, the line is named, and all that is wrong at once.
func TestParseNamesTheLine(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"# a list\ntasks:\n- {id: a, url: 'https://h.org/'}\n- id: b\n  url: ftp://h.org/\n- id: c\n  url: https://h.org/\n  class: best\n", []string{`line 5: task 2 ("b"): url`, `line 8: task 3 ("c"): class`}},
		{"tasks:\n- id: a\n  url: https://h.org/\n  intervall: 5s\n", []string{`line 4: task 1 ("a"): there is no field intervall; is interval meant?`}},
		{"tasks:\n- id: a\n  url: https://h.org/\n  rewardMicros: 1.5\n", []string{"line 4:"}},
		{"tasks:\n- id: a\n  url: [\n", []string{"line 3"}},
		{"{\"tasks\": [\n  {\"id\": \"a\", \"url\": \"https://h.org/\"},\n  {\"id\": \"a\", \"url\": \"https://h.org/\"}\n]}", []string{`line 3: task 2 ("a"): the id a stands twice`}},
	} {
		_, err := Parse([]byte(c.text))
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s\n%v; want %q", c.text, err, want)
			}
		}
	}
}
