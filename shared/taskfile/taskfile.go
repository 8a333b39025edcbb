// Package taskfile reads the operator's list of tasks, YAML or JSON. It is
// pure: bytes in, tasks out. pilot.yaml shows every field.
package taskfile

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

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

// entry is a task as the file has it; pointers tell "absent" from zero.
type entry struct {
	ID             string `yaml:"id"`
	Type           string `yaml:"type"`
	URL            string `yaml:"url"`
	ExpectedStatus *whole `yaml:"expectedStatus"`
	TimeoutMs      *whole `yaml:"timeoutMs"`
	RewardMicros   *whole `yaml:"rewardMicros"`
	Interval       string `yaml:"interval"`
	BuyerTier      string `yaml:"buyerTier"`
	Class          string `yaml:"class"`
	Region         string `yaml:"region"`
	// Regions makes a task for each of them, all in one group: premium buyers
	// are promised checks from several in one window. The id of each is the
	// entry's, a colon and the region.
	Regions []string `yaml:"regions"`
	Paused  bool     `yaml:"paused"`
}

// Parse reads a list of tasks. The error names every task that is wrong, with
// its line; then
// no task is returned. A target that workers refuse to check is wrong, too: an
// address that is not public, a name of a local network, a port beside 80,
// 443, 8080 and 8443.
func Parse(text []byte) ([]schedule.Task, error) { return parse(text, publicTarget) }

// ParseLocal is Parse for a network of one's own, whose workers run with
// --allow-private: any host and any port may be a target.
func ParseLocal(text []byte) ([]schedule.Task, error) {
	return parse(text, func(*url.URL) error { return nil })
}

func parse(text []byte, permit func(*url.URL) error) ([]schedule.Task, error) {
	var file struct {
		Tasks []entry `yaml:"tasks"`
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("taskfile: %w", err)
	}
	if len(file.Tasks) == 0 {
		return nil, errors.New("taskfile: no tasks; want a list under the key \"tasks\"")
	}
	lines := linesOf(text)
	var tasks []schedule.Task
	var bad []error
	seen := map[string]bool{}
	for i, e := range file.Tasks {
		expanded, err := e.tasks()
		if err == nil {
			err = permitted(e.URL, permit)
		}
		for _, t := range expanded {
			if err == nil && seen[t.ID] {
				err = fmt.Errorf("the id %s stands twice in the list", t.ID)
			}
			seen[t.ID] = true
		}
		if err != nil {
			bad = append(bad, fmt.Errorf("taskfile: line %d: task %d (%q): %w", lines[i], i+1, e.ID, err))
			continue
		}
		tasks = append(tasks, expanded...)
	}
	if len(bad) > 0 {
		return nil, errors.Join(bad...)
	}
	return tasks, nil
}

// linesOf are the lines on which the tasks of a file begin that was read well.
func linesOf(text []byte) map[int]int {
	var file struct {
		Tasks []yaml.Node `yaml:"tasks"`
	}
	lines := map[int]int{}
	if err := yaml.Unmarshal(text, &file); err == nil {
		for i, n := range file.Tasks {
			lines[i] = n.Line
		}
	}
	return lines
}

var (
	idForm     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:-]*$`)
	buyerTiers = []schedule.BuyerTier{schedule.BestEffort, schedule.StandardBuyer, schedule.PremiumBuyer}
	classes    = []schedule.Class{schedule.Standard, schedule.Priority, schedule.HighValue, schedule.Enterprise}
)

// tasks are the entry's: one, or one for each of its regions.
func (e entry) tasks() ([]schedule.Task, error) {
	t, err := e.task()
	if err != nil || len(e.Regions) == 0 {
		return []schedule.Task{t}, err
	}
	if e.Region != "" {
		return nil, errors.New("region and regions: want one of them")
	}
	var out []schedule.Task
	for i, region := range e.Regions {
		t.ID, t.Group, t.Region = e.ID+":"+region, e.ID, region
		switch {
		case !idForm.MatchString(region) || len(region) > maxRegion:
			return nil, fmt.Errorf("regions: %q: want 1 to %d letters, digits and . _ : -", region, maxRegion)
		case len(t.ID) > maxID:
			return nil, fmt.Errorf("regions: the id %s has more than %d characters", t.ID, maxID)
		case slices.Contains(e.Regions[:i], region):
			return nil, fmt.Errorf("regions: %s stands twice", region)
		}
		out = append(out, t)
	}
	return out, nil
}

// defaultInterval is what was promised to the buyer, or the pilot's 30 s.
func defaultInterval(buyer schedule.BuyerTier) string {
	return cmp.Or(buyer.Longest(), 30*time.Second).String()
}

// task fills in the defaults and checks the rest.
func (e entry) task() (schedule.Task, error) {
	buyer := schedule.BuyerTier(cmp.Or(e.BuyerTier, string(schedule.BestEffort)))
	interval, err := time.ParseDuration(cmp.Or(e.Interval, defaultInterval(buyer)))
	if err != nil {
		return schedule.Task{}, fmt.Errorf("interval %q is no duration such as 30s or 5m", e.Interval)
	}
	t := schedule.Task{
		ID:             e.ID,
		URL:            e.URL,
		ExpectedStatus: int(deref(e.ExpectedStatus, 200)),
		Timeout:        time.Duration(deref(e.TimeoutMs, 10_000)) * time.Millisecond,
		RewardMicros:   ledger.Micros(deref(e.RewardMicros, 100)),
		Region:         e.Region,
		Interval:       interval,
		BuyerTier:      buyer,
		Class:          schedule.Class(cmp.Or(e.Class, string(schedule.Standard))),
		Active:         !e.Paused,
	}
	switch {
	case len(t.ID) > maxID || !idForm.MatchString(t.ID):
		return t, fmt.Errorf("id: want 1 to %d letters, digits and . _ : -", maxID)
	case cmp.Or(e.Type, api.HTTPCheck) != api.HTTPCheck:
		return t, fmt.Errorf("type %q: only %q exists", e.Type, api.HTTPCheck)
	case !checkable(t.URL):
		return t, fmt.Errorf("url %q: want http:// or https:// with a host, no user, at most %d bytes", t.URL, maxURL)
	case t.ExpectedStatus < 100 || t.ExpectedStatus > 599:
		return t, fmt.Errorf("expectedStatus %d: want 100 to 599", t.ExpectedStatus)
	case t.Timeout <= 0 || t.Timeout > maxTimeout:
		return t, fmt.Errorf("timeoutMs %d: want 1 to %d", t.Timeout.Milliseconds(), maxTimeout.Milliseconds())
	case t.RewardMicros < 0 || t.RewardMicros > maxReward:
		return t, fmt.Errorf("rewardMicros %d: want 0 to %d", t.RewardMicros, maxReward)
	case t.Interval < minInterval:
		return t, fmt.Errorf("interval %v: want at least %v", t.Interval, minInterval)
	case len(t.Region) > maxRegion:
		return t, fmt.Errorf("region: at most %d bytes", maxRegion)
	case !slices.Contains(buyerTiers, t.BuyerTier):
		return t, fmt.Errorf("buyerTier %q: want one of %v", t.BuyerTier, buyerTiers)
	case t.Guaranteed() && t.Interval > t.Window():
		return t, fmt.Errorf("interval %v: a %s buyer is promised a check every %v; want no longer one", t.Interval, buyer, t.Window())
	case !slices.Contains(classes, t.Class):
		return t, fmt.Errorf("class %q: want one of %v", t.Class, classes)
	}
	return t, nil
}

func checkable(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= maxURL && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil
}

// whole is an integer. The YAML package would cut a fraction off silently,
// and money is never a float.
type whole int64

func (w *whole) UnmarshalYAML(n *yaml.Node) error {
	if n.Tag != "!!int" {
		return fmt.Errorf("line %d: %q is no whole number", n.Line, n.Value)
	}
	return n.Decode((*int64)(w))
}

func deref(p *whole, otherwise whole) whole {
	if p == nil {
		return otherwise
	}
	return *p
}
