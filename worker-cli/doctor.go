package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/BlockRunAI/worker-network/worker-cli/internal/client"
	"github.com/BlockRunAI/worker-network/worker-cli/internal/wallet"
)

type doctorCmd struct {
	API    string `placeholder:"URL" default:"https://blockrun.ai/api" env:"BLOCKRUN_API_BASE" help:"The network's API."`
	Wallet string `placeholder:"FILE" type:"path" help:"The wallet file, instead of ~/.openclaw/blockrun/wallet.key."`
	Region string `default:"unknown" env:"WORKER_REGION" help:"Where this machine stands, such as US-West."`
}

// errSick: the doctor found something that keeps the worker from working.
var errSick = errors.New("something keeps the worker from working: see above what to do")

// The states of a finding.
const (
	fine    = "ok"
	worth   = "warning" // it works, but could be better
	broken  = "problem" // the worker cannot work
	skipped = "skipped" // not to be told while something else is broken
)

// finding is what the doctor says of one thing.
type finding struct {
	Check string `json:"check"`
	State string `json:"state"` // ok, warning, problem or skipped
	Found string `json:"found"`
	Do    string `json:"do,omitempty"` // what its user can do about it
}

// diagnosis is all of it, in JSON.
type diagnosis struct {
	OK       bool      `json:"ok"` // no finding is a problem
	Findings []finding `json:"findings"`
}

// Run looks at everything that a worker needs, changes nothing, and takes no task.
func (d doctorCmd) Run(c console) error {
	if _, err := client.New(d.API, "", "", ""); err != nil {
		return usageError{err}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	w, walletErr := wallet.Find(d.Wallet, c.getenv)
	found := []finding{d.wallet(w, walletErr), d.region(), stateFinding(c.getenv)}
	found = append(found, lookAround(ctx, d.API)...)
	address := "0x0000000000000000000000000000000000000000"
	if w != nil {
		address = w.Address
	}
	found = append(found, exchange(ctx, d.API, address, found[len(found)-1])...)
	result := diagnosis{OK: true, Findings: found}
	for _, f := range found {
		result.OK = result.OK && f.State != broken
	}
	if c.json {
		if err := printJSON(c.out, result); err != nil {
			return err
		}
	} else {
		show := printer{console: c}
		for _, f := range found {
			show.finding(f)
		}
		if result.OK {
			show.say("Nothing keeps the worker from working. Start it with: worker-cli run")
		}
	}
	if !result.OK {
		return errSick
	}
	return nil
}

func (p *printer) finding(f finding) {
	p.say("%-8s %-8s %s", f.State, f.Check, f.Found)
	if f.Do != "" {
		p.say("%-17s -> %s", "", f.Do)
	}
}

func (d doctorCmd) wallet(w *wallet.Wallet, err error) finding {
	switch {
	case err != nil:
		return finding{"wallet", broken, err.Error(), "worker-cli wallet --help shows how wallets are found and made"}
	case w.Warning != "":
		return finding{"wallet", worth, fmt.Sprintf("%s, key: %s", w.Address, w.Source), w.Warning}
	}
	return finding{"wallet", fine, fmt.Sprintf("%s, key: %s", w.Address, w.Source), ""}
}

func (d doctorCmd) region() finding {
	if d.Region == "unknown" || d.Region == "" {
		return finding{"region", worth, "not set: tasks that are meant for a region go to others",
			"set WORKER_REGION, or pass --region, with something like US-West, EU-Central or AP-South"}
	}
	return finding{"region", fine, d.Region, ""}
}
