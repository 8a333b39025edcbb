package main

import (
	"strings"
	"testing"
)

func TestBackups(t *testing.T) {
	w := newWorld(t)
	const one, two = "0xf86e5516096d5EE5a2E927ec9C014B31C50f1E0C", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
	list := func() []string {
		var out []string
		w.decode(w.says(0, line("backups list --json")), &out)
		return out
	}
	w.says(0, line("backups list"), "no backups", "is missed")
	w.says(exitUsage, line("backups set"), "--none")
	w.says(exitUsage, line("backups set --none "+one), "--none")
	w.says(exitUsage, line("backups set --yes "+one+" 0x12"), "0x12", "nothing was changed")
	w.says(exitNotDone, line("backups set "+one), "+ "+one, "--yes")
	if got := list(); len(got) != 0 {
		t.Fatalf("%q without a yes", got)
	}
	w.in = "y\n"
	w.says(0, line("backups set "+one+" "+strings.ToLower(one)), "Make these 1 the backups?", "1 backups")
	w.in = ""
	w.says(0, line("backups set "+one), "1 backups") // nothing to ask about
	w.says(0, line("backups set --yes "+two), "+ "+two, "- "+one)
	if got := list(); len(got) != 1 || got[0] != strings.ToLower(two) {
		t.Errorf("%q", got)
	}
	var out backupsSet
	w.decode(w.says(0, line("backups set --json --yes --none")), &out)
	if !out.Applied || len(out.Removed) != 1 || len(list()) != 0 {
		t.Errorf("%+v, then %q", out, list())
	}
}
