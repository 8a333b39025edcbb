package main

import (
	"strings"
	"testing"
)

const twoTasks = `tasks:
- id: health
  url: https://blockrun.ai/api/health
- id: models
  url: https://blockrun.ai/api/v1/models
  interval: 60s
`

func TestTasksLoad(t *testing.T) {
	w := newWorld(t)
	file := w.file(twoTasks)
	count := func() int {
		tasks, err := w.db.Tasks(t.Context())
		w.must(err)
		return len(tasks)
	}
	w.says(0, line("tasks list"), "no tasks; load some")

	// Nobody has said yes.
	w.says(exitNotDone, line("tasks load "+file), "+ health", "url: https://blockrun.ai/api/health", "interval: 1m0s", "add --yes")
	w.in = "n\n"
	w.says(exitNotDone, line("tasks load "+file), "Load these 2 changes? [y/N]", "nothing was changed")
	w.in = "\n"
	w.says(exitNotDone, line("tasks load "+file))
	w.in = ""
	var out loaded
	w.decode(w.says(exitNotDone, line("tasks load --json "+file)), &out)
	if out.Applied || len(out.Changes) != 2 || !out.Changes[0].New || count() != 0 {
		t.Fatalf("%+v; %d tasks are there", out, count())
	}

	w.in = "y\n"
	w.says(0, line("tasks load "+file), "loaded: 2 changes")
	if count() != 2 {
		t.Fatalf("%d tasks", count())
	}
	w.in = ""
	for range 2 { // again, without a question
		w.says(0, line("tasks load "+file), "all 2 tasks of the file are loaded already")
	}
	w.decode(w.says(0, line("tasks load --json "+file)), &out)
	if !out.Applied || len(out.Changes) != 0 {
		t.Errorf("%+v", out)
	}

	changed := w.file(strings.ReplaceAll(twoTasks, "  interval: 60s\n", "  interval: 5m\n  rewardMicros: 150\n  paused: true\n"))
	w.says(0, line("tasks load --yes "+changed), "~ models", "rewardMicros: 100 -> 150", "interval: 1m0s -> 5m0s", "paused: false -> true", "loaded: 1 changes")
	w.says(0, line("tasks list"), "models", "5m0s", "paused", "0.000150", "never", "DELIVERED", "MISSED")

	one := w.file(strings.Split(twoTasks, "- id: models")[0])
	w.says(0, line("tasks load --yes "+one), "1 tasks are not in the file and stay as they are")
	var list []taskView
	w.decode(w.says(0, line("tasks list --json")), &list)
	if len(list) != 2 || list[1].ID != "models" || list[1].Definition["paused"] != "true" || list[0].Definition["rewardMicros"] != "100" {
		t.Errorf("%+v", list)
	}
}

// A file with mistakes loads nothing, and each is named with its line.
func TestBadFiles(t *testing.T) {
	w := newWorld(t)
	bad := w.file(twoTasks + "- id: twice\n  url: ftp://h.org/\n- id: health\n  url: https://h.org/\n")
	w.says(exitUsage, line("tasks load --yes "+bad), bad, "nothing was loaded", `line 8: task 3 ("twice"): url`, `line 9: task 4 ("health"): the id health stands twice`)
	w.says(exitUsage, line("tasks load --yes "+w.file("tasks:\n- id: a\n  url: https://h.org/\n  every: 5s\n")), `line 4: task 1 ("a"): there is no field every; want one of id, url`)
	private := w.file("tasks: [{id: a, url: 'http://127.0.0.1:9000/'}]")
	w.says(exitUsage, line("tasks load --yes "+private), "workers check no port 9000")
	w.says(exitUsage, line("tasks load --yes "+w.file("")), "no tasks")
	if tasks, err := w.db.Tasks(t.Context()); err != nil || len(tasks) > 0 {
		t.Errorf("%v, %v", tasks, err)
	}
	w.says(0, line("tasks load --yes --allow-private "+private), "loaded: 1 changes")
	w.in = "tasks: [{id: b, url: 'https://h.org/'}]"
	w.says(0, line("tasks load --yes -"), "+ b")
}
