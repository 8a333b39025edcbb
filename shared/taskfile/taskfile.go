// Package taskfile reads the operator's list of tasks, YAML or JSON. It is
// pure: bytes in, tasks out. pilot.yaml shows every field.
package taskfile

import (
	"cmp"
	_ "embed"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/BlockRunAI/worker-network/shared/api"
	"github.com/BlockRunAI/worker-network/shared/ledger"
	"github.com/BlockRunAI/worker-network/shared/schedule"
)

//go:embed pilot.yaml
var pilot []byte

// Pilot are the pilot's tasks.
func Pilot() ([]schedule.Task, error) { return Parse(pilot) }

// Limits of what a list may hold.
const (
	maxID       = 128
	maxURL      = 2048
	maxRegion   = 64
	maxTimeout  = 60 * time.Second
	minInterval = time.Second
	maxReward   = 1_000_000_000 // 1,000 USDC for one check is a slip of the pen
)

// Parse reads a list of tasks. The error names all that is wrong, each mistake
// with its line and task and what to write instead; then no task is returned. A
// target that workers refuse to check is wrong, too: an address that is not
// public, a name of a local network, a port beside 80, 443, 8080 and 8443.
func Parse(text []byte) ([]schedule.Task, error) { return parse(text, publicTarget) }

// ParseLocal is Parse for a network of one's own, whose workers run with
// --allow-private: any host and any port may be a target.
func ParseLocal(text []byte) ([]schedule.Task, error) {
	return parse(text, func(*url.URL) error { return nil })
}

func parse(text []byte, permit func(*url.URL) error) ([]schedule.Task, error) {
	entries, bad := read(text)
	var tasks []schedule.Task
	seen := map[string]bool{}
	for i, e := range entries {
		var expanded []schedule.Task
		if !e.empty {
			expanded = e.tasks(permit)
		}
		for _, t := range expanded {
			if seen[t.ID] {
				e.wrong("id", "the id %s stands twice in the list; give one of them another", t.ID)
			}
			seen[t.ID] = true
		}
		bad = append(bad, e.errors(i)...)
		tasks = append(tasks, expanded...)
	}
	if len(bad) > 0 {
		return nil, errors.Join(bad...)
	}
	return tasks, nil
}

var (
	idForm     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]*$`)
	buyerTiers = []schedule.BuyerTier{schedule.BestEffort, schedule.StandardBuyer, schedule.PremiumBuyer}
	classes    = []schedule.Class{schedule.Standard, schedule.Priority, schedule.HighValue, schedule.Enterprise}
)

// tasks are the entry's: one, or one for each of its regions. What is wrong
// with it is noted.
func (e *entry) tasks(permit func(*url.URL) error) []schedule.Task {
	t := e.task()
	e.checkTarget(permit)
	if len(e.Regions) == 0 {
		return []schedule.Task{t}
	}
	if e.Region != "" {
		e.wrong("region", "region and regions: want one of them")
	}
	var out []schedule.Task
	for i, region := range e.Regions {
		t.ID, t.Group, t.Region = e.ID+":"+region, e.ID, region
		switch {
		case !idForm.MatchString(region) || len(region) > maxRegion:
			e.wrong("regions", "regions: %q: want 1 to %d letters, digits and . _ : -", region, maxRegion)
		case len(t.ID) > maxID:
			e.wrong("regions", "regions: the id %s has more than %d characters", t.ID, maxID)
		case slices.Contains(e.Regions[:i], region):
			e.wrong("regions", "regions: %s stands twice", region)
		default:
			out = append(out, t)
		}
	}
	return out
}

// task fills in the defaults and checks the rest.
func (e *entry) task() schedule.Task {
	buyer := schedule.BuyerTier(cmp.Or(e.BuyerTier, string(schedule.BestEffort)))
	t := schedule.Task{
		ID:             e.ID,
		URL:            e.URL,
		ExpectedStatus: int(e.number("expectedStatus", e.ExpectedStatus, 200, 100, 599)),
		Timeout:        time.Duration(e.number("timeoutMs", e.TimeoutMs, 10_000, 1, maxTimeout.Milliseconds())) * time.Millisecond,
		RewardMicros:   ledger.Micros(e.number("rewardMicros", e.RewardMicros, 100, 0, maxReward)),
		Region:         e.Region,
		BuyerTier:      buyer,
		Class:          schedule.Class(cmp.Or(e.Class, string(schedule.Standard))),
		Active:         !e.Paused,
	}
	if len(t.ID) > maxID || !idForm.MatchString(t.ID) {
		e.wrong("id", "id: want 1 to %d letters, digits and . _ : -", maxID)
	}
	if cmp.Or(e.Type, api.HTTPCheck) != api.HTTPCheck {
		e.wrong("type", "type %q: only %q exists", e.Type, api.HTTPCheck)
	}
	if len(t.Region) > maxRegion {
		e.wrong("region", "region: at most %d bytes", maxRegion)
	}
	if !slices.Contains(buyerTiers, t.BuyerTier) {
		e.wrong("buyerTier", "buyerTier %q: want one of %v", t.BuyerTier, buyerTiers)
	}
	if !slices.Contains(classes, t.Class) {
		e.wrong("class", "class %q: want one of %v", t.Class, classes)
	}
	t.Interval = e.interval(t)
	return t
}

// interval is the entry's, what was promised to the buyer, or the pilot's 30 s.
func (e *entry) interval(t schedule.Task) time.Duration {
	if e.Interval == "" {
		return cmp.Or(t.BuyerTier.Longest(), 30*time.Second)
	}
	interval, err := time.ParseDuration(e.Interval)
	t.Interval = interval
	switch {
	case err != nil:
		e.wrong("interval", "interval %q is no duration such as 30s or 5m", e.Interval)
	case interval < minInterval:
		e.wrong("interval", "interval %v: want at least %v", interval, minInterval)
	case t.Guaranteed() && interval > t.Window():
		e.wrong("interval", "interval %v: a %s buyer is promised a check every %v; want no longer one", interval, t.BuyerTier, t.Window())
	}
	return interval
}

// number is one of the entry's, or its default.
func (e *entry) number(field string, n *int64, otherwise, least, most int64) int64 {
	if n == nil {
		return otherwise
	}
	if *n < least || *n > most {
		e.wrong(field, "%s %d: want %d to %d", field, *n, least, most)
	}
	return *n
}

// checkTarget asks whether workers check the entry's URL.
func (e *entry) checkTarget(permit func(*url.URL) error) {
	u, err := url.Parse(e.URL)
	if err != nil || len(e.URL) > maxURL || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil {
		e.wrong("url", "url %q: want http:// or https:// with a host, no user, at most %d bytes", e.URL, maxURL)
		return
	}
	if err := permit(u); err != nil {
		e.wrong("url", "url %q: %v", e.URL, err)
	}
}
