package simulate

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/reputation"
	"github.com/BlockRunAI/worker-network/shared/schedule"
)

// kind is how a worker behaves.
type kind int8

// The kinds of workers. All but the honest ones and the backups do harm, each
// in its own way.
const (
	honest     kind = iota // proves its polls, delivers what it takes
	older                  // the same with a worker of the first protocol: no proofs
	lazy                   // takes what it gets and delivers half of it
	slow                   // delivers all, after 15 to 25 s
	mute                   // proves its polls, polls often, never delivers
	faceless               // mute, without proof, under ever the same address
	griefer                // mute, without proof, under the addresses of others
	turncoat               // honest until it is trusted, then mute, then honest again
	backup                 // the operator's
	kindsCount = iota
)

var kindNames = [kindsCount]string{"honest", "older", "lazy", "slow", "mute", "faceless", "griefer", "turncoat", "backup"}

func (k kind) String() string { return kindNames[k] }

func (k kind) hostile() bool { return k >= mute && k <= turncoat }

// kindNamed is the kind with this name, or honest.
func kindNamed(name string) kind { return kind(max(0, slices.Index(kindNames[:], name))) }

// regions and how many of a hundred workers stand in each.
var regions = []struct {
	name  string
	share int
}{{"US-East", 30}, {"US-West", 25}, {"EU", 25}, {"Asia", 15}, {"South-America", 5}}

func pickRegion(rng *rand.Rand) string {
	n := rng.IntN(100)
	for _, r := range regions {
		if n -= r.share; n < 0 {
			return r.name
		}
	}
	panic("simulate: regions' shares are not a hundred")
}

// worker is one address and who is behind it.
type worker struct {
	schedule.Worker
	kind     kind
	standing schedule.Standing

	online    bool
	life      int32 // counts the times that it came
	since     int64 // of this life
	onlineFor int64 // of those before, while measured
	slowness  float64
	accepted  int64 // results, while measured
}

func addressOf(i int) common.Address {
	var a common.Address
	binary.BigEndian.PutUint64(a[12:], uint64(i)+1)
	return a
}

// hire makes the population: one and a half times the peak, so that those who
// come are seldom those who just went.
func (s *sim) hire() {
	ordinary := s.Online
	if s.DayNight {
		ordinary = s.Online * peakPercent / 100
	}
	ordinary += ordinary / 2
	for range ordinary {
		k := honest
		switch n := s.rng.IntN(100); {
		case n < 10:
			k = older
		case n < 15:
			k = lazy
		case n < 18:
			k = slow
		}
		s.hireOne(k, pickRegion(s.rng), pickTier(s.rng))
	}
	attacks := []kind{mute, faceless, griefer, turncoat}
	if s.Attack != "" {
		attacks = []kind{kindNamed(s.Attack)}
	}
	for i := range s.Hostile {
		k := attacks[i%len(attacks)]
		s.hireOne(k, pickRegion(s.rng), reputation.Bronze)
	}
	for i := range s.Backups {
		s.hireOne(backup, regions[i%len(regions)].name, reputation.Bronze)
	}
}

func (s *sim) hireOne(k kind, region string, tier reputation.Tier) {
	w := &worker{kind: k, slowness: math.Exp(0.4 * s.rng.NormFloat64())}
	w.Worker = schedule.Worker{Address: addressOf(len(s.workers)), Tier: tier, Region: region, Proven: k != older && k != faceless && k != griefer, Backup: k == backup}
	w.Standing = &w.standing
	s.workers = append(s.workers, w)
}

func pickTier(rng *rand.Rand) reputation.Tier {
	switch n := rng.IntN(100); {
	case n < 80:
		return reputation.Bronze
	case n < 92:
		return reputation.Silver
	case n < 98:
		return reputation.Gold
	}
	return reputation.Platinum
}

// What a day does to how many are online, in percent of the average: the
// pilot's 30 to 50 at night, 100 to 150 on average, 200 to 300 at the peak.
const (
	nightPercent = 32
	peakPercent  = 200
)

// wanted is how many ordinary workers are online at a moment. A day is Day
// long; the curve's mean is the average.
func (s *sim) wanted(at int64) int {
	if !s.DayNight {
		return s.Online
	}
	angle := 2 * math.Pi * float64(at) / float64(s.Day)
	// a raised cosine to a power: long nights, a short peak, mean 1
	shape := math.Pow((1-math.Cos(angle))/2, 1.67)
	return s.Online*nightPercent/100 + int(float64(s.Online)*(peakPercent-nightPercent)/100*shape)
}

// makeTasks makes what is checked. Half of what is premium is checked from
// three regions in the same windows.
func (s *sim) makeTasks() {
	for n := range s.places {
		s.places[n] = make([]int32, s.Endpoints+len(regions)) // a group may begin with the last one
	}
	for i := 0; len(s.tasks) < s.Endpoints; i++ {
		t := schedule.Task{
			ID: fmt.Sprintf("task-%06d", i), Timeout: 10 * time.Second, Interval: time.Minute, RewardMicros: 100,
			BuyerTier: schedule.BestEffort, Class: pickClass(s.rng), Active: true,
		}
		switch n := s.rng.IntN(100); {
		case n < 10:
			t.BuyerTier, t.Interval = schedule.PremiumBuyer, 30*time.Second
		case n < 40:
			t.BuyerTier = schedule.StandardBuyer
		case n < 70:
			t.Interval = 5 * time.Minute
		}
		if t.BuyerTier == schedule.PremiumBuyer && s.rng.IntN(2) == 0 {
			group := t.ID
			for _, r := range regions[:3] {
				t.ID, t.Group, t.Region = group+"@"+r.name, group, r.name
				s.addTask(t)
			}
			continue
		}
		if s.rng.IntN(5) == 0 {
			t.Region = pickRegion(s.rng)
		}
		s.addTask(t)
	}
}

func pickClass(rng *rand.Rand) schedule.Class {
	switch n := rng.IntN(100); {
	case n < 70:
		return schedule.Standard
	case n < 85:
		return schedule.Priority
	case n < 95:
		return schedule.HighValue
	}
	return schedule.Enterprise
}
