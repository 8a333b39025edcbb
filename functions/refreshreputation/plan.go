package refreshreputation

import (
	"slices"
	"strings"

	"github.com/BlockRunAI/worker-network/shared/reputation"
)

// job is one log that this run has something to do with.
type job struct {
	log    reputation.SpendLog
	object Object // to read; without a name, the log is dropped
	err    error  // why it was not read to its end
	ended  bool   // the time was up
}

// plan is what a run has to do.
type plan struct {
	jobs    []*job                // to read, by name
	drops   []*job                // gone, of days that were written anew
	pending []reputation.SpendLog // counted by an earlier run, and not yet applied
	logs    int
	missing []string
	twice   []string
}

// makePlan compares the bucket with what was read of it. Only logs that are
// new, were changed, or were read in another way are read.
//
// A log that has vanished keeps what was counted of it, so that a deleted day
// lowers nobody's tier. But when its day has anything new or changed, the day
// was written anew, in another division into files: then the vanished file's
// calls are in the new ones, and it is dropped.
func makePlan(objects []Object, known []reputation.SpendLog, reader string) plan {
	var p plan
	byName := map[string]reputation.SpendLog{}
	for _, l := range known {
		byName[l.Name] = l
		if l.Replaced != nil {
			p.pending = append(p.pending, l)
		}
	}
	present := p.present(objects)
	p.logs = len(present)
	writtenAnew := map[string]bool{}
	for name, o := range present {
		l, ok := byName[name.Name]
		if !ok {
			l.LogName = name
		}
		if l.Counted.Is(o.Generation, reader) {
			continue
		}
		if !ok || l.Counted.Generation != o.Generation {
			writtenAnew[name.Day] = true
		}
		p.jobs = append(p.jobs, &job{log: l, object: o})
	}
	for _, l := range known {
		if _, there := present[l.LogName]; there || l.Counted.Version == 0 || l.Counted.Generation == 0 {
			continue
		}
		if writtenAnew[l.Day] {
			p.drops = append(p.drops, &job{log: l})
		} else {
			p.missing = append(p.missing, l.Name)
		}
	}
	slices.SortFunc(p.jobs, func(a, b *job) int { return strings.Compare(a.log.Name, b.log.Name) })
	return p
}

// present are the logs in the bucket. A log that is there plain and gzipped
// counts once: compressing old files, and deleting the plain ones afterwards,
// is housekeeping.
func (p *plan) present(objects []Object) map[reputation.LogName]Object {
	present := map[reputation.LogName]Object{}
	for _, o := range objects {
		name, gzipped, ok := reputation.ParseLogName(o.Name)
		if !ok {
			continue
		}
		if _, there := present[name]; there {
			p.twice = append(p.twice, name.Name)
			if gzipped {
				continue
			}
		}
		present[name] = o
	}
	return present
}

// stillPending are the pending logs, with what was staged of them since.
func (p plan) stillPending() []reputation.SpendLog {
	out := slices.Clone(p.pending)
	for i := range out {
		for _, j := range p.jobs {
			if j.log.Name == out[i].Name {
				out[i].Staged = j.log.Staged
			}
		}
	}
	return out
}

// halfRead are the days that were written anew and could not wholly be read.
func (p plan) halfRead() map[string]bool {
	days := map[string]bool{}
	for _, d := range p.drops {
		for _, j := range p.jobs {
			if j.err != nil && j.log.Day == d.log.Day {
				days[d.log.Day] = true
			}
		}
	}
	return days
}
