package main

import (
	"context"
	"time"

	"github.com/BlockRunAI/worker-network/functions/local/loadtest"
	"github.com/BlockRunAI/worker-network/shared/ledger"
)

type loadtestCommand struct {
	Workers   int           `default:"100" help:"Simulated workers, each with a key of its own."`
	Duration  time.Duration `default:"1m" help:"How long the load lasts."`
	Ramp      time.Duration `help:"In which time the workers begin, one after the other; a fifth of the duration, but at most one polling interval, if not given."`
	PollEvery time.Duration `default:"30s" help:"Between two polls of a worker, varied by a tenth."`
	Tasks     int           `help:"Tasks to check; as many as there are workers if not given."`
	Reward    int64         `default:"1000" placeholder:"MICROS" help:"Of each check; with the threshold of 10000 it says how many payouts there are."`
	PerPoll   int           `default:"10" help:"Tasks given to one poll at most."`
	Instances int           `default:"1" help:"Of GetTasks and of SubmitResults, each with a Spanner client of its own."`
	API       string        `placeholder:"URL" help:"Load this running network instead of starting one: only for networks of one's own! Its tasks are its own."`
	Seed      uint64        `help:"Of the randomness; any if not given."`
	Markdown  bool          `help:"Print the report as a table of Markdown."`
}

// Help is shown below the flags.
func (loadtestCommand) Help() string {
	return `The workers prove their polls and sign their results with real keys, over HTTP. No target is fetched: results are made up. At the end every accepted answer must be in the database once, and nothing else; else the exit status is 1. With --api, the workers' own accounts are compared, and no more.`
}

// Run makes the load; the report goes to stdout, and what happens to stderr.
func (c loadtestCommand) Run(ctx context.Context, t terminal) error {
	o := loadtest.Options{
		Workers: c.Workers, Duration: c.Duration, Ramp: c.Ramp, PollEvery: c.PollEvery, Tasks: c.Tasks, Reward: ledger.Micros(c.Reward),
		PerPoll: c.PerPoll, Instances: c.Instances, API: c.API, Seed: c.Seed, Out: t.notes, Log: t.log, LogLevel: t.level.String(),
	}
	if o.Ramp == 0 {
		o.Ramp = min(o.Duration/5, o.PollEvery)
	}
	if o.Tasks == 0 {
		o.Tasks = o.Workers
	}
	report, err := loadtest.Run(ctx, o)
	if ctx.Err() != nil {
		return errInterrupted
	}
	if err != nil {
		return err
	}
	show := report.Print
	if c.Markdown {
		show = report.Markdown
	}
	if err := show(t.out); err != nil {
		return err
	}
	return report.Err()
}
