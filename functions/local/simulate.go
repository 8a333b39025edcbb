package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/BlockRunAI/worker-network/functions/local/simulate"
)

type simulateCommand struct {
	Endpoints int           `default:"100000" help:"Tasks: 10 % premium, 30 % standard, 60 % best effort."`
	Online    int           `default:"10000" help:"Workers online on average."`
	Hostile   int           `default:"1000" help:"Addresses that poll and do not deliver; each run is made without them, too."`
	Attack    string        `help:"What all of those do: mute, faceless, griefer or turncoat; some of each if not given."`
	Backups   int           `default:"400" help:"Workers of the operator's, for windows at risk."`
	Churn     float64       `default:"0.3" help:"Share of those online that leaves in an hour, without a word; as many come."`
	Day       time.Duration `default:"10m" help:"Length of a simulated day, with night and peak."`
	Warmup    time.Duration `default:"3m" help:"Simulated time before anything is counted."`
	Duration  time.Duration `default:"10m" help:"Simulated time that is counted."`
	PerPoll   int           `default:"10" help:"Tasks given to one poll at most."`
	Shards    int           `help:"Of the due queue; 16 for 100,000 endpoints if not given, and fewer for fewer, down to one."`
	Seed      uint64        `default:"1" help:"Of the randomness."`
}

// Help is shown below the flags.
func (simulateCommand) Help() string {
	return `Plays the scheduling policy in simulated time, four times: with the average number of workers online and over a day, each without and with the hostile ones. Prints a table of Markdown; the exit status is 1 when standard or premium windows fall below 99.9 %, or best effort's below 90 % at the average.`
}

// Run simulates each case and prints one column for each.
func (c simulateCommand) Run(ctx context.Context, t terminal) error {
	base := simulate.Options{
		Endpoints: c.Endpoints, Online: c.Online, Attack: c.Attack, Backups: c.Backups, Churn: c.Churn, Day: c.Day,
		Warmup: c.Warmup, Duration: c.Duration, PerPoll: c.PerPoll, Shards: c.Shards, Seed: c.Seed,
	}
	var names, missed []string
	var results []*simulate.Result
	for _, variant := range []struct {
		name     string
		dayNight bool
		hostile  int
	}{
		{"average", false, 0}, {"average, hostile", false, c.Hostile}, {"day and night", true, 0}, {"day and night, hostile", true, c.Hostile},
	} {
		if ctx.Err() != nil {
			return errInterrupted
		}
		o := base
		o.DayNight, o.Hostile = variant.dayNight, variant.hostile
		began := time.Now()
		r, err := simulate.Run(o)
		if err != nil {
			return err
		}
		fmt.Fprintf(t.notes, "%s: %v\n", variant.name, time.Since(began).Round(time.Second))
		names, results = append(names, variant.name), append(results, r)
		for _, m := range r.Missed() {
			missed = append(missed, variant.name+": "+m)
		}
	}
	if err := simulate.Print(t.out, names, results); err != nil {
		return err
	}
	if len(missed) > 0 {
		return errors.New("the policy misses its targets:\n" + strings.Join(missed, "\n"))
	}
	return nil
}
